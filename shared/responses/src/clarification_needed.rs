//! `agent_builder_clarification_needed`

use schemars::JsonSchema;
use serde::Serialize;

/// The user must be asked first.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ClarificationNeededResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// What to ask.
    #[schemars(default)]
    pub questions: Vec<ClarifyingQuestion>,
}

/// A question to the user.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ClarifyingQuestion {
    /// The question.
    pub question: String,
    /// What it is about, in one word.
    pub keyword: String,
    /// What an answer could be.
    pub example: Option<String>,
}
