//! The adapters behind the provider port.

pub mod builtin;
pub mod openai;

pub use builtin::BuiltinProvider;
pub use openai::{OpenAiConfig, OpenAiProvider};
