//! `agents_found`

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A search for agents found some.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AgentsFoundResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// A heading.
    #[schemars(default = "title")]
    pub title: String,
    /// What was found, the best first.
    pub agents: Vec<AgentInfo>,
    /// How many there are.
    pub count: usize,
    /// Always `agents_found`.
    #[schemars(default = "name")]
    pub name: String,
}

/// An agent, as searches show it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AgentInfo {
    /// Its id: `creator/slug` in the marketplace, a UUID in a library.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Where it was found.
    pub source: AgentSource,
    /// Whether it is in the user's library.
    #[schemars(default)]
    pub in_library: bool,
    /// Who made it.
    pub creator: Option<String>,
    /// Its category.
    pub category: Option<String>,
    /// Its mean rating.
    pub rating: Option<f64>,
    /// How often it ran.
    pub runs: Option<u64>,
    /// Whether the marketplace features it.
    pub is_featured: Option<bool>,
    /// Where it stands.
    pub status: Option<String>,
    /// Whether the user may read its graph.
    pub can_access_graph: Option<bool>,
    /// Whether something outside starts it.
    pub has_external_trigger: Option<bool>,
    /// Whether it has output that nobody has seen.
    pub new_output: Option<bool>,
    /// The graph behind the agent.
    pub graph_id: Option<String>,
    /// The version of that graph.
    pub graph_version: Option<u32>,
    /// What it takes, as a JSON schema.
    pub input_schema: Option<Map<String, Value>>,
    /// What it gives, as a JSON schema.
    pub output_schema: Option<Map<String, Value>>,
    /// Its inputs.
    pub inputs: Option<Map<String, Value>>,
}

/// Where an agent comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AgentSource {
    /// Shared by others.
    Marketplace,
    /// The user's own.
    Library,
}

fn title() -> String {
    "Available Agents".to_owned()
}

fn name() -> String {
    "agents_found".to_owned()
}
