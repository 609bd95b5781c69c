//! Health and settings that clients may know.

use crate::VERSION;
use poem_openapi::Object;
use std::time::Duration;

/// It works
#[derive(Object)]
#[oai(rename = "Health")]
pub(crate) struct HealthDto {
    /// Always `healthy`
    status: String,
    /// Always `chat`
    service: String,
    /// The server's version
    version: String,
}

impl HealthDto {
    pub(crate) fn healthy() -> Self {
        Self {
            status: "healthy".to_owned(),
            service: "chat".to_owned(),
            version: VERSION.to_owned(),
        }
    }
}

/// How long a finished turn's live stream stays
#[derive(Object)]
pub(crate) struct Ttl {
    /// In seconds, from the turn's end
    stream_ttl_seconds: u64,
    /// The same in milliseconds
    stream_ttl_ms: u64,
}

impl From<Duration> for Ttl {
    fn from(ttl: Duration) -> Self {
        let stream_ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        Self {
            stream_ttl_seconds: ttl.as_secs(),
            stream_ttl_ms,
        }
    }
}
