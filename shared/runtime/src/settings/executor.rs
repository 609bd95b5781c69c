use std::time::Duration;

use super::fault::{Fault, positive, within};
use super::raw::RawExecutor;

/// How turns are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutorSettings {
    /// Turns at a time. A prefetch is 16 bits wide, hence the upper limit.
    pub concurrency: usize,
    /// Between two renewals of the lease.
    pub heartbeat: Duration,
    /// More than twice the heartbeat.
    pub lease: Duration,
    /// For running turns after SIGTERM.
    pub drain_timeout: Duration,
}

impl ExecutorSettings {
    pub(super) fn checked(raw: &RawExecutor) -> Result<Self, Fault> {
        let heartbeat = positive("executor.heartbeat_seconds", raw.heartbeat_seconds)?;
        if raw.lease_seconds <= heartbeat * 2 {
            return Err(Fault::new(
                "executor.lease_seconds",
                format!(
                    "expected more than twice executor.heartbeat_seconds ({}), got {}",
                    heartbeat.as_secs_f64(),
                    raw.lease_seconds.as_secs_f64()
                ),
            ));
        }
        Ok(Self {
            concurrency: within("executor.concurrency", raw.concurrency, 1..=65_535)?,
            heartbeat,
            lease: raw.lease_seconds,
            drain_timeout: raw.drain_timeout_seconds,
        })
    }
}
