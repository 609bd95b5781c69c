use std::fmt;
use std::time::Duration;

use super::fault::{Fault, positive};
use super::raw::RawStream;
use super::value::{FromText, one_of};

/// Live streams and the responses that carry them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// Life of a finished turn's live stream.
    pub ttl: Duration,
    /// Silence before a heartbeat comment.
    pub heartbeat: Duration,
    /// Unless the request says otherwise.
    pub profile: StreamProfile,
    /// After which a response is broken for the client to resume; none: never.
    pub connection_limit: Option<Duration>,
}

/// The AI SDK version that a stream is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamProfile {
    /// Only what 5.0.0 knows.
    V5,
    /// 6.
    V6,
    /// 7.
    V7,
}

impl FromText for StreamProfile {
    fn from_text(text: &str) -> Result<Self, String> {
        one_of(
            text,
            &[("v5", Self::V5), ("v6", Self::V6), ("v7", Self::V7)],
        )
    }
}

impl fmt::Display for StreamProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V5 => "v5",
            Self::V6 => "v6",
            Self::V7 => "v7",
        })
    }
}

impl StreamSettings {
    pub(super) fn checked(raw: &RawStream) -> Result<Self, Fault> {
        Ok(Self {
            ttl: positive("stream.ttl_seconds", raw.ttl_seconds)?,
            heartbeat: positive("stream.heartbeat_seconds", raw.heartbeat_seconds)?,
            profile: raw.profile,
            connection_limit: Some(raw.connection_seconds).filter(|limit| !limit.is_zero()),
        })
    }
}
