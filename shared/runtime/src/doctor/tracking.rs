use super::{Check, Finding};
use crate::settings::SecretUrl;
use async_trait::async_trait;
use std::time::Duration;
use tokio::{net::TcpStream, time::timeout};
use url::Url;

const LIMIT: Duration = Duration::from_secs(5);

/// Whether the webhook's host takes connections. Sends no event.
pub(super) struct Tracking(pub(super) SecretUrl);

#[async_trait]
impl Check for Tracking {
    fn name(&self) -> &'static str {
        "tracking"
    }

    async fn run(&self) -> Finding {
        let remedy = "look at tracking.url; until then events are lost, turns are not";
        let parsed = Url::parse(self.0.expose()).ok();
        let address = parsed.as_ref().and_then(|url| {
            let host = url.host_str()?.trim_matches(['[', ']']);
            Some((host, url.port_or_known_default()?))
        });
        let Some((host, port)) = address else {
            return Finding::failed("the address has no host", remedy);
        };
        match timeout(LIMIT, TcpStream::connect((host, port))).await {
            Ok(Ok(_)) => Finding::ok(format!("{host}:{port} takes connections")),
            Ok(Err(error)) => Finding::warning(format!("{host}:{port}: {error}"), remedy),
            Err(_) => Finding::warning(format!("{host}:{port}: no answer in time"), remedy),
        }
    }
}
