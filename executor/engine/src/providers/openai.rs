//! Any server that speaks OpenAI's chat completions.
//!
//! An own small client, not the crate `genai`. What 0.7.2 gets wrong for us cannot be mended
//! from outside: tool arguments are copied whole for each fragment (quadratic, and a call's
//! slot is allocated from the server's number unchecked), or, with capturing off, fragments no
//! longer say to which call they belong; calls without `index` and refusals are dropped in
//! silence; a model's name is rewritten (`x-high` becomes `x`, `a::b` becomes `b`); and error
//! bodies, which quote conversations, are logged as errors.

mod chunk;
mod details;
mod dialect;
mod events;
mod plain_schema;
mod request;

pub use dialect::Dialect;
pub(super) use request::tool_name;

use crate::{
    provider::{ModelRequest, Provider, ReplyStream},
    provider_error::ProviderError,
    providers::server::{KeyHeader, ModelServer, ServerConfig, ServerSetupError},
};
use async_trait::async_trait;
use events::Events;
use reqwest::header::HeaderMap;

/// Talks to one server over one pool of connections.
pub struct OpenAiProvider {
    server: ModelServer,
    dialect: Dialect,
}

impl OpenAiProvider {
    /// Prepares the client; nothing is sent yet.
    pub fn new(config: &ServerConfig, dialect: Dialect) -> Result<Self, ServerSetupError> {
        let server = ModelServer::new(
            config,
            "chat/completions",
            KeyHeader::Bearer,
            HeaderMap::new(),
        )?;
        let dialect = if server.is_at("api.openai.com") {
            dialect.of_openai_itself()
        } else {
            dialect
        };
        Ok(Self { server, dialect })
    }
}

#[async_trait]
impl Provider for OpenAiProvider {
    fn name(&self) -> &'static str {
        self.dialect.name
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ReplyStream, ProviderError> {
        let body = request::encode(request, self.dialect)?;
        self.server.ask(body, Events::default()).await
    }
}

#[cfg(test)]
mod tests;
