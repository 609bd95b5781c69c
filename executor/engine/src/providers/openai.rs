//! Any server that speaks OpenAI's chat completions.
//!
//! An own small client, not the crate `genai`. What 0.7.2 gets wrong for us cannot be mended
//! from outside: tool arguments are copied whole for each fragment (quadratic, and a call's
//! slot is allocated from the server's number unchecked), or, with capturing off, fragments no
//! longer say to which call they belong; calls without `index` and refusals are dropped in
//! silence; a model's name is rewritten (`x-high` becomes `x`, `a::b` becomes `b`); and error
//! bodies, which quote conversations, are logged as errors.

mod chunk;
mod decoder;
mod failure;
mod request;
mod sse;

use crate::{
    provider::{Delta, ModelRequest, Provider, ReplyStream},
    provider_error::{ProviderError, ProviderErrorKind},
};
use async_trait::async_trait;
use bytes::Bytes;
use decoder::Decoder;
use futures::{Stream, StreamExt as _, stream::BoxStream};
use request::Dialect;
use reqwest::{
    Client, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use secrecy::{ExposeSecret as _, SecretString};
use std::{
    collections::VecDeque,
    future::Future as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Sleep;

/// Where OpenAI itself is.
pub const OPENAI_URL: &str = "https://api.openai.com/v1/";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that keeps the body open behind its end marker loses the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(50);

/// Where and how to reach the server.
#[derive(Clone, Debug)]
pub struct OpenAiConfig {
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
pub enum OpenAiSetupError {
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

/// Talks to one server over one pool of connections.
pub struct OpenAiProvider {
    client: Client,
    url: Url,
    is_openai: bool,
    /// Learnt from its replies: a server that sends `reasoning_content` wants it back within a
    /// turn; others refuse the unknown field.
    wants_reasoning: Arc<AtomicBool>,
}

impl OpenAiProvider {
    /// Prepares the client; nothing is sent yet.
    pub fn new(config: &OpenAiConfig) -> Result<Self, OpenAiSetupError> {
        let url = endpoint(&config.base_url)?;
        let client = Client::builder()
            .default_headers(headers(config)?)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(30))
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(OpenAiSetupError::Client)?;
        let is_openai = url.host_str() == Some("api.openai.com");
        Ok(Self {
            client,
            url,
            is_openai,
            wants_reasoning: Arc::default(),
        })
    }
}

/// `base` with exactly one slash, and `chat/completions` behind it.
fn endpoint(base: &str) -> Result<Url, OpenAiSetupError> {
    let wrong = || OpenAiSetupError::BaseUrl(base.to_owned());
    let mut url = Url::parse(base.trim()).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong());
    }
    let path = format!("{}/chat/completions", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

fn headers(config: &OpenAiConfig) -> Result<HeaderMap, OpenAiSetupError> {
    let mut headers = HeaderMap::new();
    if let Some(key) = &config.api_key {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret().trim()))
            .map_err(|_| OpenAiSetupError::ApiKey)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    for (name, value) in &config.headers {
        let wrong = || OpenAiSetupError::Header(name.clone());
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?,
            value,
        );
    }
    Ok(headers)
}

#[async_trait]
impl Provider for OpenAiProvider {
    fn name(&self) -> &'static str {
        "openai"
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ReplyStream, ProviderError> {
        let dialect = Dialect {
            is_openai: self.is_openai,
            wants_reasoning: self.wants_reasoning.load(Ordering::Relaxed),
        };
        let body = request::encode(request, dialect)?;
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
        Ok(Box::pin(Reply {
            body: Some(response.bytes_stream().boxed()),
            decoder: Decoder::default(),
            ready: VecDeque::new(),
            closing: None,
            wants_reasoning: Arc::clone(&self.wants_reasoning),
        }))
    }
}

/// The body of a reply, taken apart as its bytes come.
struct Reply {
    /// None once the reply has ended, well or not.
    body: Option<BoxStream<'static, reqwest::Result<Bytes>>>,
    decoder: Decoder,
    ready: VecDeque<Delta>,
    /// How long the end marker still waits for the end of the body.
    closing: Option<Pin<Box<Sleep>>>,
    wants_reasoning: Arc<AtomicBool>,
}

impl Reply {
    /// Reads up to the body's end, which comes right behind the end marker: only then can the
    /// connection serve the next call.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Some(body) = &mut self.body {
            match body.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(None | Some(Err(_))) => self.body = None,
                Poll::Pending => {
                    let closing = self
                        .closing
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep(CLOSE_TIMEOUT)));
                    std::task::ready!(closing.as_mut().poll(context));
                    self.body = None;
                }
            }
        }
        Poll::Ready(())
    }
}

impl Stream for Reply {
    type Item = Result<Delta, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if matches!(this.ready.front(), Some(Delta::End(_))) {
                std::task::ready!(this.poll_close(context));
            }
            if let Some(delta) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(delta)));
            }
            let Some(body) = &mut this.body else {
                return match this.decoder.take_error() {
                    Some(error) => Poll::Ready(Some(Err(error))),
                    None => Poll::Ready(None),
                };
            };
            match std::task::ready!(body.poll_next_unpin(context)) {
                Some(Ok(bytes)) => this.decoder.push(&bytes, &mut this.ready),
                Some(Err(error)) => this.decoder.fail(failure::of_body(&error)),
                None => this.decoder.end(&mut this.ready),
            }
            if this.decoder.has_failed() {
                // What came whole before the fault is handed on first.
                this.body = None;
            }
            if this.decoder.has_seen_reasoning_content() {
                this.wants_reasoning.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl ProviderError {
    fn unavailable(summary: impl Into<String>) -> Self {
        Self::new(
            ProviderErrorKind::Unavailable { retry_after: None },
            summary,
        )
    }
}

#[cfg(test)]
mod tests;
