//! An HTTP server that speaks the streaming protocol of OpenAI's chat completions.
//!
//! A test says what the model answers ([`Reply`]), the server checks what the model was asked
//! (`invariants`). Everything between the two is real: sockets, HTTP chunks, faults.

mod chat_request;
mod conversation;
mod gate;
mod invariants;
mod reply;
mod reply_body;
mod server;
#[cfg(test)]
mod tests;
mod upstream;
mod wire;

pub use chat_request::ChatRequest;
pub use gate::Gate;
pub use reply::{Reply, calls, chunks, status, text};
pub use upstream::{FakeUpstream, Record};
