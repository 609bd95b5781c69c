//! The documentation that the tools answer from: pages, their sections, and a search by words.

mod index;
mod page;
mod ranking;
mod snippet;
mod source;
mod words;

pub use index::{DocIndex, Found};
pub use page::Page;
pub use source::LoadDocsError;
