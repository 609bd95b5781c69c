//! Tool calls as the ledger keeps them: what was asked, what may be done again, what came out.

use crate::message::ToolCall;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happens if a tool runs twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Nothing: it only reads. Runs again after a crash.
    Pure,
    /// Nothing, given the same call id as key. Runs again after a crash.
    Idempotent,
    /// It would happen twice. Never runs again: the model is told that the outcome is unknown.
    Once,
}

impl Effect {
    /// Its name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Idempotent => "idempotent",
            Self::Once => "once",
        }
    }
}

/// What came out of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallOutcome {
    /// The typed result, for the wire and the model.
    Output(Value),
    /// What went wrong, for the wire and the model.
    Error(String),
}

impl CallOutcome {
    /// What the model reads.
    #[must_use]
    pub fn for_model(&self) -> String {
        match self {
            Self::Output(output) => output.to_string(),
            Self::Error(error) => serde_json::json!({ "error": error }).to_string(),
        }
    }
}

/// A call that a committed reply asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerCall {
    /// The call.
    pub call: ToolCall,
    /// Its place among the calls of its reply, from 0.
    pub index: u32,
    /// The reply's step, from 1.
    pub step: u32,
    /// What happens if it runs twice; of an unknown tool: [`Effect::Pure`].
    pub effect: Effect,
    /// What came out; none while it is not done.
    pub outcome: Option<CallOutcome>,
}
