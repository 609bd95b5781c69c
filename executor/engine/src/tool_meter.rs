//! How long tools take and what becomes of their calls; for metrics.

use std::time::Duration;
use tokio::time::Instant;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToolEnd {
    /// It gave its result.
    Ok,
    /// The model was told what was wrong.
    Rejected,
    /// Its time was over.
    TimedOut,
    /// Our own fault: it panicked, or the turn fails with it.
    Failed,
    /// Nobody wanted it any more.
    Stopped,
}

impl ToolEnd {
    /// Its name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Rejected => "rejected",
            Self::TimedOut => "timeout",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// The name under which calls of tools that do not exist are counted together.
pub const UNKNOWN_TOOL: &str = "unknown";

/// Hears of calls, once of each. The names are those of the registry, or [`UNKNOWN_TOOL`], so
/// that no model can invent one.
pub trait ToolMeter: Send + Sync {
    /// A call has ended.
    fn called(&self, tool: &'static str, end: ToolEnd, took: Duration);
}

/// A call on its way; one that is dropped was stopped.
pub(crate) struct Timing<'a> {
    meter: &'a dyn ToolMeter,
    tool: &'static str,
    began: Instant,
    end: ToolEnd,
}

impl<'a> Timing<'a> {
    pub(crate) fn begin(meter: &'a dyn ToolMeter, tool: &'static str) -> Self {
        Self {
            meter,
            tool,
            began: Instant::now(),
            end: ToolEnd::Stopped,
        }
    }

    pub(crate) fn end(mut self, end: ToolEnd) {
        self.end = end;
    }
}

impl Drop for Timing<'_> {
    fn drop(&mut self) {
        self.meter.called(self.tool, self.end, self.began.elapsed());
    }
}
