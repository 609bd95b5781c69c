//! `agent_builder_preview`

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// An agent as it would be saved.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AgentPreviewResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// The whole agent.
    pub agent_json: Map<String, Value>,
    /// Its name.
    pub agent_name: String,
    /// What it does.
    pub description: String,
    /// How many nodes it has.
    pub node_count: usize,
    /// How many links it has.
    #[schemars(default)]
    pub link_count: usize,
}
