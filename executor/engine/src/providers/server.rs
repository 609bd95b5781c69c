//! The HTTP side that all model servers share.

use super::{decoder::ReadEvent, failure, reply::Reply};
use crate::{provider::ReplyStream, provider_error::ProviderError};
use reqwest::{
    Client, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where and how to reach a model server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Up to and with the version, such as `http://127.0.0.1:11434/v1`; a closing slash does not
    /// matter.
    pub base_url: String,
    /// The key; many local servers want none.
    pub api_key: Option<SecretString>,
    /// Further headers of each request.
    pub headers: Vec<(String, String)>,
}

/// A setting that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ServerSetupError {
    /// The address is none.
    #[error("llm.base_url is no http(s) address: {0}")]
    BaseUrl(String),
    /// The key has characters that no header takes.
    #[error("llm.api_key has characters that a key cannot have")]
    ApiKey,
    /// A header's name or value is none.
    #[error("llm.headers: {0} is no header")]
    Header(String),
    /// The TLS library does not start.
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
}

/// How a server wants its key.
#[derive(Clone, Debug)]
pub(super) enum KeyHeader {
    /// `authorization: Bearer …`.
    Bearer,
    /// A header of its own.
    Named(HeaderName),
}

/// One route of one server, over one pool of connections.
pub(super) struct ModelServer {
    client: Client,
    url: Url,
}

impl ModelServer {
    /// Prepares the client for `path` behind the base address; nothing is sent yet. `own` are the
    /// headers that the protocol asks for; the operator's win over them.
    pub(super) fn new(
        config: &ServerConfig,
        path: &str,
        key: KeyHeader,
        own: HeaderMap,
    ) -> Result<Self, ServerSetupError> {
        let url = endpoint(&config.base_url, path)?;
        let client = Client::builder()
            .default_headers(headers(config, key, own)?)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(30))
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(ServerSetupError::Client)?;
        Ok(Self { client, url })
    }

    /// Whether the server has this name.
    pub(super) fn is_at(&self, host: &str) -> bool {
        self.url.host_str() == Some(host)
    }

    /// Sends `body`; the answer's events are read by `reader`.
    pub(super) async fn ask(
        &self,
        body: Vec<u8>,
        reader: impl ReadEvent,
    ) -> Result<ReplyStream, ProviderError> {
        let sent = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream")
            .body(body)
            .send();
        let response = sent.await.map_err(|error| failure::of_connection(&error))?;
        if !response.status().is_success() {
            return Err(failure::of_response(response).await);
        }
        Ok(Box::pin(Reply::new(response, reader)))
    }
}

/// `base` with exactly one slash, and `path` behind it.
pub(super) fn endpoint(base: &str, path: &str) -> Result<Url, ServerSetupError> {
    let wrong = || ServerSetupError::BaseUrl(base.to_owned());
    let mut url = Url::parse(base.trim()).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong());
    }
    let path = format!("{}/{path}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

fn headers(
    config: &ServerConfig,
    key_header: KeyHeader,
    own: HeaderMap,
) -> Result<HeaderMap, ServerSetupError> {
    let mut headers = own;
    if let Some(key) = &config.api_key {
        let key = key.expose_secret().trim();
        let (name, text) = match key_header {
            KeyHeader::Bearer => (AUTHORIZATION, format!("Bearer {key}")),
            KeyHeader::Named(name) => (name, key.to_owned()),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| ServerSetupError::ApiKey)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    for (name, value) in &config.headers {
        let wrong = || ServerSetupError::Header(name.clone());
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?,
            value,
        );
    }
    Ok(headers)
}
