//! Where the provider publishes its keys.

use super::key_set::{KeySet, KeySetError};
use futures::StreamExt;
use reqwest::{Client, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// How long the provider may take, its whole answer included.
const LIMIT: Duration = Duration::from_secs(5);
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// A set of keys has a few kilobytes.
const MOST_BYTES: usize = 256 << 10;

/// No client for `auth.jwks_url` can be made.
#[derive(Debug, thiserror::Error)]
#[error("auth.jwks_url: no HTTP client")]
pub struct KeySourceError(#[source] reqwest::Error);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// The provider is away, or too slow.
    #[error("the provider does not answer")]
    Away(#[source] reqwest::Error),
    /// It says something else than 200.
    #[error("the provider answers {0}")]
    Refused(StatusCode),
    /// It sends more than a set of keys has.
    #[error("the provider's answer has more than {MOST_BYTES} bytes")]
    TooLarge,
    /// What it sends is of no use.
    #[error("the provider's answer is of no use")]
    Useless(#[from] KeySetError),
}

/// Fetches the provider's keys.
#[derive(Debug)]
pub(super) struct KeySource {
    client: Client,
    /// It may hold a password.
    url: SecretString,
}

impl KeySource {
    pub(super) fn new(url: &str) -> Result<Self, KeySourceError> {
        let client = Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(LIMIT)
            // The operator has named the place; it sends nobody elsewhere.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(KeySourceError)?;
        Ok(Self {
            client,
            url: url.into(),
        })
    }

    pub(super) async fn fetch(&self) -> Result<KeySet, FetchError> {
        let away = |error: reqwest::Error| FetchError::Away(error.without_url());
        let response = self
            .client
            .get(self.url.expose_secret())
            .send()
            .await
            .map_err(away)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Refused(response.status()));
        }
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(away)?;
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(KeySet::parse(&body)?)
    }
}
