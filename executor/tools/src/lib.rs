//! The copilot's tools: one file each, one line each in the [`catalogue`].

pub mod catalogue;
pub mod docs;
pub mod get_doc_page;
pub mod search_docs;

pub use catalogue::{ToolDeps, catalogue};
pub use docs::{DocIndex, LoadDocsError};
pub use get_doc_page::GetDocPage;
pub use search_docs::SearchDocs;
