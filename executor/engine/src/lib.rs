//! The turn loop: prompt, model, tools, and again. Nothing here knows an HTTP server, a broker
//! or a database: what is shown and what is made durable leaves through the [`Journal`].

mod bounded;
pub mod call_ids;
pub mod call_runner;
pub mod config;
pub mod effort;
pub mod engine;
pub mod history;
pub mod in_flight;
pub mod jitter;
pub mod journal;
pub mod model_message;
pub mod model_step;
pub mod prompt;
pub mod provider;
pub mod provider_error;
pub mod providers;
pub mod registry;
pub mod reply_reader;
pub mod retry;
pub mod secrets;
pub mod titling;
pub mod tool;
pub mod tool_erased;
pub mod tool_meter;
pub mod turn_input;

pub use config::EngineConfig;
pub use effort::Effort;
pub use engine::{Engine, EngineParts};
pub use in_flight::{InFlight, PartialReply};
pub use journal::{Journal, Reply, Show, Stopped};
pub use prompt::Prompt;
pub use provider::{Delta, ModelRequest, Provider, ReplyStream, ToolSpec};
pub use provider_error::{ProviderError, ProviderErrorKind};
pub use registry::Registry;
pub use retry::RetryPolicy;
pub use secrets::Secrets;
pub use titling::Titled;
pub use tool::{Tool, ToolContext, ToolError};
pub use tool_erased::{DynTool, ToolFacts, erase};
pub use tool_meter::{ToolEnd, ToolMeter};
pub use turn_input::TurnInput;
