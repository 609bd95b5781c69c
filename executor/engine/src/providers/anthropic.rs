//! Anthropic's messages.

mod event;
mod events;
mod request;
mod traits;

use crate::{
    provider::{ModelRequest, Provider, ReplyStream},
    provider_error::ProviderError,
    providers::server::{KeyHeader, ModelServer, ServerConfig, ServerSetupError},
};
use async_trait::async_trait;
use events::Events;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// Where Anthropic is.
pub const ANTHROPIC_URL: &str = "https://api.anthropic.com/v1/";

const VERSION_HEADER: HeaderName = HeaderName::from_static("anthropic-version");
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");
const KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// Talks to one server over one pool of connections.
pub struct AnthropicProvider {
    server: ModelServer,
}

impl AnthropicProvider {
    /// Prepares the client; nothing is sent yet.
    pub fn new(config: &ServerConfig) -> Result<Self, ServerSetupError> {
        let version = HeaderMap::from_iter([(VERSION_HEADER, VERSION)]);
        let key = KeyHeader::Named(KEY_HEADER);
        Ok(Self {
            server: ModelServer::new(config, "messages", key, version)?,
        })
    }
}

#[async_trait]
impl Provider for AnthropicProvider {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ReplyStream, ProviderError> {
        let body = request::encode(request)?;
        self.server.ask(body, Events::default()).await
    }
}

#[cfg(test)]
mod tests;
