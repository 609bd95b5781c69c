//! Event streams: what a reader is shown, told in a client's profile, on a response that ends
//! only when the turn has.

mod farewell;
mod frame;
mod open;
mod payload;
mod profile;
#[cfg(test)]
mod published;
mod response;
mod source;
mod translator;
mod wire;

pub(crate) use open::{Opening, open};
pub(crate) use payload::EventStream;
pub use profile::Profile;
