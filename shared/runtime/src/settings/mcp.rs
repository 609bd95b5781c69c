use secrecy::ExposeSecret as _;

use super::fault::{Fault, plain_name};
use super::raw::RawMcp;
use super::secret_url::SecretUrl;
use super::value::FromText as _;

/// MCP servers whose tools are offered.
#[derive(Debug, Clone)]
pub struct McpSettings {
    /// In the order of their names.
    pub servers: Vec<McpServer>,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct McpServer {
    /// Unique; prefix of its tools' names.
    pub name: String,
    /// Streamable HTTP or SSE.
    pub url: SecretUrl,
}

impl McpSettings {
    pub(super) fn checked(raw: RawMcp) -> Result<Self, Fault> {
        let servers = raw.servers.0.into_iter().map(|(name, url)| {
            let name = plain_name("mcp.servers", name)?;
            let url = SecretUrl::from_text(url.expose_secret())
                .map_err(|problem| Fault::new("mcp.servers", format!("{name}: {problem}")))?;
            Ok(McpServer { name, url })
        });
        Ok(Self {
            servers: servers.collect::<Result<_, Fault>>()?,
        })
    }
}
