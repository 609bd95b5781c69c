//! `execution_started`

use schemars::JsonSchema;
use serde::Serialize;

/// An agent was started.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ExecutionStartedResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// The execution.
    pub execution_id: String,
    /// The graph that runs.
    pub graph_id: String,
    /// Its name.
    pub graph_name: String,
    /// The agent in the user's library.
    pub library_agent_id: Option<String>,
    /// Where that is shown: `/library/agents/ID`.
    pub library_agent_link: Option<String>,
    /// Where the execution stands.
    #[schemars(default = "queued")]
    pub status: String,
}

fn queued() -> String {
    "QUEUED".to_owned()
}
