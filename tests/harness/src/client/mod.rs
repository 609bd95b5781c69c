//! A client of our own API that hides nothing: status, headers, comments, cursors, and whether a
//! body ended or broke.

mod answer;
mod api;
mod call;
mod event;
mod event_stream;
#[cfg(test)]
mod tests;
mod transcript;
mod turn;

pub use answer::{Answer, Problem};
pub use api::{Client, user_message};
pub use call::Call;
pub use event::Event;
pub use event_stream::{BodyEnd, EventStream, Item};
pub use transcript::{Kinds, Transcript};
pub use turn::Turn;
