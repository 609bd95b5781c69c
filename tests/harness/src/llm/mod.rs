//! An HTTP server that speaks the streaming protocols of OpenAI's chat completions and of
//! Anthropic's messages.
//!
//! A test says what the model answers ([`Reply`]), the server checks what the model was asked
//! (`invariants`). Everything between the two is real: sockets, HTTP chunks, faults.

mod anthropic;
mod chat_request;
mod conversation;
mod frames;
mod gate;
mod invariants;
mod protocol;
mod reply;
mod reply_body;
mod server;
#[cfg(test)]
mod tests;
mod upstream;
mod wire;

pub use chat_request::ChatRequest;
pub use gate::Gate;
pub use protocol::Protocol;
pub use reply::{Reply, calls, chunks, status, text, text_of_words};
pub use upstream::{FakeUpstream, Record};
