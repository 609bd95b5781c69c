//! Time as a parameter.

use chrono::{DateTime, Utc};

/// An instant, in UTC.
pub type Timestamp = DateTime<Utc>;

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
