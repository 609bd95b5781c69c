//! `understanding_updated`

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// What is known about the user was added to.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct UnderstandingUpdatedResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// The fields that changed.
    #[schemars(default)]
    pub updated_fields: Vec<String>,
    /// All that is known now.
    #[schemars(default)]
    pub current_understanding: Map<String, Value>,
}
