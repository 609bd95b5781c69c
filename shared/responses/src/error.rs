//! `error`

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A tool could not do what was asked.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ErrorResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// A code for programs.
    pub error: Option<String>,
    /// Whatever else is known.
    pub details: Option<Map<String, Value>>,
}
