//! Time as a parameter.

use chrono::{DateTime, Utc};
use std::time::Duration;

/// An instant, in UTC.
pub type Timestamp = DateTime<Utc>;

/// Whole milliseconds, as logs tell times.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Wall-clock time, injected where a test needs to hold it.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    fn now(&self) -> Timestamp {
        Utc::now()
    }
}
