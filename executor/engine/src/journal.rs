//! The engine's only way out: what it shows, and what it makes durable.

use async_trait::async_trait;
use copilot_core::{
    ledger::{CallOutcome, Effect},
    message::{Reasoning, ToolCall},
    turn::{FinishReason, TurnError, Usage},
};
use serde_json::Value;

/// What a model reply came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// The text; empty if it only called tools.
    pub text: String,
    /// The thinking.
    pub reasoning: Vec<Reasoning>,
    /// The calls, in the model's order, each with what happens if it runs twice.
    pub calls: Vec<(ToolCall, Effect)>,
    /// What this reply used.
    pub usage: Usage,
    /// The model that wrote it.
    pub model: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// Something to show at once, not yet durable. Blocks need no ids here: the journal opens,
/// closes and names them.
#[derive(Clone, Debug, PartialEq)]
pub enum Show {
    /// A model call begins.
    StepStarts,
    /// More text.
    Text(String),
    /// More thinking.
    Reasoning(String),
    /// The model begins to write a call.
    CallStarts {
        /// The call.
        id: String,
        /// The tool.
        name: String,
    },
    /// More of that call's input.
    CallInput {
        /// The call.
        id: String,
        /// The new characters.
        delta: String,
    },
    /// A call's input is complete, and no tool takes it. Its answer follows as that of any call.
    CallRefused {
        /// The call.
        id: String,
        /// The tool, if there is one of that name.
        name: String,
        /// The input as far as it can be shown.
        input: Value,
        /// What is wrong with it; the model is told the same.
        error: String,
    },
    /// A call's input is complete.
    CallReady {
        /// The call.
        id: String,
        /// The tool.
        name: String,
        /// The input.
        input: Value,
    },
}

/// The journal wants no more of this attempt: it was fenced, cancelled or drained, or its
/// store is away for too long. The engine returns at once and says nothing further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this attempt is over")]
pub struct Stopped;

/// Takes down what the engine does, in order. Each `commit` is a durable point: when it
/// returned, nothing before it happens again on any attempt.
#[async_trait]
pub trait Journal: Send {
    /// Shows something at once.
    async fn show(&mut self, what: Show) -> Result<(), Stopped>;

    /// Makes a reply that calls tools durable, with one pending ledger row for each call.
    /// Only afterwards may a tool start.
    async fn commit_reply(&mut self, reply: Reply) -> Result<(), Stopped>;

    /// Whether a tool may start at this moment: not cancelled, and the lease's clock is good.
    fn may_start_tool(&self) -> bool;

    /// Makes a call's outcome durable, then shows it. With the last one of a step the tool
    /// messages are stored in the order of the calls, and the step is over.
    async fn commit_result(&mut self, call_id: &str, outcome: CallOutcome) -> Result<(), Stopped>;

    /// Ends the turn well, with its last reply if there is one since the last durable point.
    async fn commit_end(
        &mut self,
        reply: Option<Reply>,
        reason: FinishReason,
    ) -> Result<(), Stopped>;

    /// Ends the turn with an error; what was shown since the last durable point is kept.
    async fn commit_failure(&mut self, error: TurnError) -> Result<(), Stopped>;
}
