use std::time::Duration;

use rand::RngExt as _;
use reqwest::{Client, StatusCode, redirect::Policy};
use tokio::time::sleep;

use super::event::UserMessage;
use crate::settings::SecretUrl;

const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How long one try may take.
const TRY_LIMIT: Duration = Duration::from_secs(5);
/// Before the second and the third try, give or take a half.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];

/// Posts events as JSON.
pub(super) struct Webhook {
    client: Client,
    url: SecretUrl,
}

/// Why an event did not arrive; never shows the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PostError {
    #[error("no answer")]
    NoAnswer,
    #[error("refused with status {0}")]
    Refused(StatusCode),
}

impl PostError {
    /// Whether the same event may be taken later.
    fn may_pass(self) -> bool {
        match self {
            Self::NoAnswer => true,
            Self::Refused(status) => {
                status.is_server_error()
                    || status == StatusCode::TOO_MANY_REQUESTS
                    || status == StatusCode::REQUEST_TIMEOUT
            }
        }
    }
}

impl Webhook {
    pub(super) fn new(url: SecretUrl) -> reqwest::Result<Self> {
        let client = Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(TRY_LIMIT)
            .redirect(Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { client, url })
    }

    /// Sends an event, three times at most.
    pub(super) async fn send(&self, event: &UserMessage) -> Result<(), PostError> {
        for pause in PAUSES {
            match self.post(event).await {
                Err(error) if error.may_pass() => {}
                done => return done,
            }
            let jitter = rand::rng().random_range(0.5..1.5);
            sleep(pause.mul_f64(jitter)).await;
        }
        self.post(event).await
    }

    async fn post(&self, event: &UserMessage) -> Result<(), PostError> {
        let sent = self.client.post(self.url.expose()).json(event).send().await;
        let status = sent.map_err(|_| PostError::NoAnswer)?.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(PostError::Refused(status))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_will_never_be_taken_is_not_sent_again() {
        for (status, expected) in [
            (400, false),
            (404, false),
            (429, true),
            (500, true),
            (503, true),
        ] {
            let refused = PostError::Refused(StatusCode::from_u16(status).unwrap());
            assert_eq!(refused.may_pass(), expected, "{status}");
        }
        assert!(PostError::NoAnswer.may_pass());
    }
}
