//! The port behind which models live.

use crate::{effort::Effort, model_message::ModelMessage, provider_error::ProviderError};
use async_trait::async_trait;
use copilot_core::turn::{FinishReason, Usage};
use futures::stream::BoxStream;
use serde_json::Value;
use std::sync::Arc;

/// A tool as the model is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// What it does, when to call it and when not.
    pub description: String,
    /// The JSON schema of its input: an object.
    pub schema: Value,
}

/// What a model is asked.
#[derive(Clone, Debug)]
pub struct ModelRequest {
    /// The model's name, as its server knows it.
    pub model: String,
    /// The conversation; valid, and begun by the system message.
    pub messages: Vec<ModelMessage>,
    /// The tools it may call, always in the same order.
    pub tools: Arc<[ToolSpec]>,
    /// Sampling.
    pub temperature: Option<f64>,
    /// The limit of its reply.
    pub max_output_tokens: Option<u32>,
    /// How hard it should think, where it can.
    pub reasoning: Option<Effort>,
}

/// A piece of a reply. Calls are numbered by `slot`, from 0 in the order in which they begin,
/// since ids of models may be missing or come twice.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// More text.
    Text(String),
    /// More thinking.
    Reasoning {
        /// The text.
        text: String,
        /// The provider's signature over the thinking so far, when it comes.
        signature: Option<String>,
    },
    /// A call begins.
    CallStart {
        /// Its number.
        slot: usize,
        /// The id that the model gave it; may be empty.
        id: String,
        /// The tool.
        name: String,
    },
    /// More of a call's input. Only what is new, however the provider counts.
    CallInput {
        /// The call's number.
        slot: usize,
        /// The new characters.
        delta: String,
    },
    /// What the reply has used so far; the last one counts.
    Usage(Usage),
    /// Nothing new, but the provider lives.
    Alive,
    /// The reply is complete. Always the last item.
    End(FinishReason),
}

/// A reply as it comes. Dropping it hangs up.
pub type ReplyStream = BoxStream<'static, Result<Delta, ProviderError>>;

/// Gives a model's replies.
///
/// Guarantees, relied on by the engine:
/// - Each delta is handed on when its bytes are there; nothing is collected.
/// - A stream is complete if and only if its last item is [`Delta::End`]. A reply that was cut
///   ends in an error, and nothing comes after the first error.
/// - Dropping the future or the stream ends the call at once.
/// - An adapter does not retry: whether trying again is safe is known to the engine alone.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Its name in settings and logs.
    fn name(&self) -> &str;

    /// Asks the model.
    async fn stream(&self, request: &ModelRequest) -> Result<ReplyStream, ProviderError>;
}
