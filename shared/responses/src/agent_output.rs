//! `agent_output`

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What an agent has made.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AgentOutputResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// Its name.
    pub agent_name: String,
    /// Its id.
    pub agent_id: String,
    /// The agent in the user's library.
    pub library_agent_id: Option<String>,
    /// Where that is shown: `/library/agents/ID`.
    pub library_agent_link: Option<String>,
    /// The execution that is shown.
    pub execution: Option<AgentExecution>,
    /// At most 5 others to choose from, the newest first.
    pub available_executions: Option<Vec<ExecutionSummary>>,
    /// How many there are in all.
    #[schemars(default)]
    pub total_executions: usize,
}

/// One execution with its outputs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AgentExecution {
    /// Its id.
    pub execution_id: String,
    /// Where it stands.
    pub status: String,
    /// When it started, RFC 3339.
    pub started_at: Option<String>,
    /// When it ended, RFC 3339.
    pub ended_at: Option<String>,
    /// What it gave, by the name of the output.
    #[schemars(default)]
    pub outputs: BTreeMap<String, Vec<Value>>,
    /// What it was given, cut short.
    pub inputs_summary: Option<Map<String, Value>>,
}

/// One execution, in short.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ExecutionSummary {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: String,
    /// When it started, RFC 3339.
    pub started_at: Option<String>,
}
