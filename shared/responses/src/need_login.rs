//! `need_login`

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A tool needs a user, and the session has none.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct NeedLoginResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// What was to be used.
    pub agent_info: Option<Map<String, Value>>,
}
