//! `mcp_tool_output`

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A tool of an MCP server answered.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MCPToolOutputResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// The server.
    pub server_url: String,
    /// The tool.
    pub tool_name: String,
    /// What it answered.
    pub result: Value,
    /// Whether it did what was asked.
    #[schemars(default = "yes")]
    pub success: bool,
}

const fn yes() -> bool {
    true
}
