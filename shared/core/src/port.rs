//! What the use cases need from the outside. Each port states the guarantee that its
//! adapters give and that everything above may rely on; nothing above asks which one it has.

pub mod cancel;
pub mod error;
pub mod queue;
pub mod ready;
pub mod rounds;
pub mod store;
pub mod stream;
pub mod turn_ends;

pub use error::{ErrorKind, PortError};
