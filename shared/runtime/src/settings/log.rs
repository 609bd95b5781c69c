use std::time::Duration;

use super::raw::RawLog;
use super::value::{FromText, one_of};

/// Logs, always to standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// How a line looks.
    pub format: LogFormat,
    /// `info`, or `info,copilot_engine=debug`; see `telemetry`.
    pub level: String,
    /// A turn that takes longer is logged as slow.
    pub slow_turn: Duration,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    /// For people.
    Pretty,
    /// For machines.
    Json,
}

impl FromText for LogFormat {
    fn from_text(text: &str) -> Result<Self, String> {
        one_of(
            text,
            &[
                ("auto", Self::Auto),
                ("pretty", Self::Pretty),
                ("json", Self::Json),
            ],
        )
    }
}

#[derive(Clone)]
pub(super) struct LogLevel(String);

impl FromText for LogLevel {
    fn from_text(text: &str) -> Result<Self, String> {
        let level = text.trim();
        crate::telemetry::log_filter(level).map_err(|error| error.to_string())?;
        Ok(Self(level.to_owned()))
    }
}

impl LogSettings {
    pub(super) fn checked(raw: RawLog) -> Self {
        Self {
            format: raw.format,
            level: raw.level.0,
            slow_turn: raw.slow_turn_seconds,
        }
    }
}
