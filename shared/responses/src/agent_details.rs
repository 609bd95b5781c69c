//! `agent_details`

use crate::credentials_meta::CredentialsMeta;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// What an agent needs: it was to run without its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AgentDetailsResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// The agent.
    pub agent: AgentDetails,
    /// Whether the user is signed in.
    #[schemars(default)]
    pub user_authenticated: bool,
    /// The graph behind the agent.
    pub graph_id: Option<String>,
    /// The version of that graph.
    pub graph_version: Option<u32>,
}

/// An agent with what it needs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AgentDetails {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Whether it is in the user's library.
    #[schemars(default)]
    pub in_library: bool,
    /// What it takes, as a JSON schema.
    #[schemars(default)]
    pub inputs: Map<String, Value>,
    /// The credentials that it needs.
    #[schemars(default)]
    pub credentials: Vec<CredentialsMeta>,
    /// How it can be started.
    #[schemars(default)]
    pub execution_options: ExecutionOptions,
    /// How something outside starts it.
    pub trigger_info: Option<Map<String, Value>>,
}

/// How an agent can be started.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ExecutionOptions {
    /// By hand.
    #[schemars(default = "yes")]
    pub manual: bool,
    /// At set times.
    #[schemars(default = "yes")]
    pub scheduled: bool,
    /// By a call from outside.
    #[schemars(default)]
    pub webhook: bool,
}

impl Default for ExecutionOptions {
    fn default() -> Self {
        Self {
            manual: yes(),
            scheduled: yes(),
            webhook: false,
        }
    }
}

const fn yes() -> bool {
    true
}
