use super::fault::Fault;
use super::raw::RawTracking;
use super::secret_url::SecretUrl;
use super::value::{FromText, one_of};

/// Where the events about user messages go.
#[derive(Debug, Clone)]
pub enum TrackingSettings {
    /// Nowhere.
    None,
    /// Into the log.
    Log,
    /// To this address, which may be a secret as a whole.
    Webhook(SecretUrl),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrackingKind {
    None,
    Log,
    Webhook,
}

impl FromText for TrackingKind {
    fn from_text(text: &str) -> Result<Self, String> {
        one_of(
            text,
            &[
                ("none", Self::None),
                ("log", Self::Log),
                ("webhook", Self::Webhook),
            ],
        )
    }
}

/// A webhook's address; its path is often the secret, so a wrong one is not shown.
#[derive(Clone)]
pub(super) struct WebhookUrl(SecretUrl);

impl FromText for WebhookUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        SecretUrl::from_text(text)
            .map(Self)
            .map_err(|_| "expected a URL (http://…, https://…); not shown here".to_owned())
    }
}

impl TrackingSettings {
    pub(super) fn checked(raw: RawTracking) -> Result<Self, Fault> {
        match (raw.kind, raw.url) {
            (TrackingKind::None, _) => Ok(Self::None),
            (TrackingKind::Log, _) => Ok(Self::Log),
            (TrackingKind::Webhook, Some(url)) => Ok(Self::Webhook(url.0)),
            (TrackingKind::Webhook, None) => Err(Fault::new(
                "tracking.url",
                "needed with tracking.kind=webhook",
            )),
        }
    }
}
