//! `input_validation_error`

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// Inputs were given that are not known: nothing ran.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct InputValidationErrorResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// The names that are not known.
    pub unrecognized_fields: Vec<String>,
    /// What is known, as a JSON schema.
    pub inputs: Map<String, Value>,
    /// The graph behind the agent.
    pub graph_id: Option<String>,
    /// The version of that graph.
    pub graph_version: Option<u32>,
}
