//! Stopping one turn's work: the first reason counts.

use std::sync::OnceLock;
use tokio_util::sync::CancellationToken;

/// Why a turn's work stops before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopCause {
    /// Somebody cancelled the turn: the partial answer is saved.
    Cancelled,
    /// `turn.timeout_seconds` passed: the partial answer is saved.
    Overdue,
    /// The turn or the lease is not ours any more: nothing is written.
    Fenced,
    /// The executor drains: the turn is handed back.
    Drained,
}

/// Asks one turn's work to stop, and says why.
#[derive(Debug, Default)]
pub(crate) struct Halt {
    token: CancellationToken,
    cause: OnceLock<StopCause>,
}

impl Halt {
    /// Asks to stop. Later causes change nothing.
    pub(crate) fn stop(&self, cause: StopCause) {
        // A second cause is no error: the first one is being acted on.
        let _ = self.cause.set(cause);
        self.token.cancel();
    }

    /// Why it was asked to stop; none: it was not.
    pub(crate) fn cause(&self) -> Option<StopCause> {
        self.cause.get().copied()
    }

    /// For those who must notice at once.
    pub(crate) const fn token(&self) -> &CancellationToken {
        &self.token
    }
}
