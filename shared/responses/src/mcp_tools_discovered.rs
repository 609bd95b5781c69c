//! `mcp_tools_discovered`

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// The tools that an MCP server offers.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MCPToolsDiscoveredResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// The server.
    pub server_url: String,
    /// Its tools.
    pub tools: Vec<MCPToolInfo>,
}

/// A tool of an MCP server.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MCPToolInfo {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// What it takes, as a JSON schema.
    #[schemars(default)]
    pub input_schema: Map<String, Value>,
}
