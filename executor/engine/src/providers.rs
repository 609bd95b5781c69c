//! The adapters behind the provider port.
//!
//! Two protocols of our own and no crate for all. Every vendor of the settings but Anthropic
//! serves OpenAI's chat completions, so one client and a table of their differences
//! (`openai/dialect.rs`) reaches them; Anthropic's messages carry what that form cannot (signed
//! thinking, cache marks). The crate `genai` (0.7.2) was read for the others. It serves most of
//! them by the code that the head of `openai.rs` speaks of; its own adapters for Gemini and Ollama
//! know signatures and thinking, but rewrite names too (`a::b` becomes `b`), Gemini's logs errors
//! with their bodies, and they would be a second client beside this one for what the compatible
//! addresses give as well.
//!
//! Which adapter and dialect is used follows from `llm.provider` alone. A model's name is sent as
//! it is; it decides only what the vendor itself ties to it (the name of a limit, the form of
//! thinking).

pub mod anthropic;
pub mod builtin;
mod call_id_rule;
mod decoder;
mod failure;
pub mod openai;
mod reply;
mod seal;
pub mod server;
mod sse;
#[cfg(test)]
mod wire_server;

pub use anthropic::AnthropicProvider;
pub use builtin::BuiltinProvider;
pub use openai::{Dialect, OpenAiProvider};
pub use server::{ServerConfig, ServerSetupError};
