//! `setup_requirements`

use crate::credentials_meta::CredentialsMeta;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// Something must be set up first: nothing ran.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SetupRequirementsResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// What is needed, and what of it is there.
    pub setup_info: SetupInfo,
    /// The graph behind the agent.
    pub graph_id: Option<String>,
    /// The version of that graph.
    pub graph_version: Option<u32>,
}

/// What is needed, and what of it is there.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SetupInfo {
    /// The agent, block or server.
    pub agent_id: String,
    /// Its name.
    pub agent_name: String,
    /// What is needed.
    #[schemars(default)]
    pub requirements: SetupRequirements,
    /// What is there.
    #[schemars(default)]
    pub user_readiness: UserReadiness,
}

/// What is needed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct SetupRequirements {
    /// Credentials.
    #[schemars(default)]
    pub credentials: Vec<CredentialsMeta>,
    /// Inputs.
    #[schemars(default)]
    pub inputs: Vec<SetupInput>,
    /// How it can be started.
    #[schemars(default)]
    pub execution_modes: Vec<String>,
}

/// An input that is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SetupInput {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Its JSON type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is for.
    pub description: String,
    /// Whether it must be given.
    pub required: bool,
    /// What it is when it is not given; null: nothing.
    pub default: Value,
}

/// What of it is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct UserReadiness {
    /// Whether no credential is missing.
    #[schemars(default)]
    pub has_all_credentials: bool,
    /// The missing ones, by the name of the input.
    #[schemars(default)]
    pub missing_credentials: Map<String, Value>,
    /// Whether it can run.
    #[schemars(default)]
    pub ready_to_run: bool,
}
