//! `agent_builder_saved`

use schemars::JsonSchema;
use serde::Serialize;

/// An agent was saved.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AgentSavedResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// Its id.
    pub agent_id: String,
    /// Its name.
    pub agent_name: String,
    /// The agent in the user's library.
    pub library_agent_id: String,
    /// Where that is shown: `/library/agents/ID`.
    pub library_agent_link: String,
    /// Where it is edited: `/build?flowID=ID`.
    pub agent_page_link: String,
}
