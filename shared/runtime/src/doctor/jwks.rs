use super::{Check, Finding, HttpFault, body, client};
use crate::settings::SecretUrl;
use async_trait::async_trait;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Whether the provider publishes keys at `auth.jwks_url`.
pub(super) struct Jwks(pub(super) SecretUrl);

#[derive(Deserialize)]
struct Published {
    keys: Vec<IgnoredAny>,
}

#[async_trait]
impl Check for Jwks {
    fn name(&self) -> &'static str {
        "jwks"
    }

    async fn run(&self) -> Finding {
        let remedy = "look at auth.jwks_url and whether this machine can reach it; until then every token is refused";
        match self.keys().await {
            Ok(0) => Finding::failed("no key is published", remedy),
            Ok(keys) => Finding::ok(format!("{keys} keys are published")),
            Err(problem) => Finding::failed(problem, remedy),
        }
    }
}

impl Jwks {
    async fn keys(&self) -> Result<usize, String> {
        let asked = async { client()?.get(self.0.expose()).send().await };
        let answer = asked
            .await
            .map_err(|error| HttpFault::from(error).to_string())?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("the provider answers {status}"));
        }
        let body = body(answer).await.map_err(|fault| fault.to_string())?;
        let published: Published = serde_json::from_slice(&body)
            .map_err(|_| "the provider's answer is no list of keys".to_owned())?;
        Ok(published.keys.len())
    }
}
