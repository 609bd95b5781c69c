//! The one log line of a response, written whichever way it ends.

use copilot_core::turn::TurnKey;
use tokio::time::Instant;
use tracing::Span;

/// Why a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The turn's end was told.
    Finished,
    /// The client hung up: nobody says so, the response is dropped.
    ClientGone,
    /// `stream.connection_seconds` passed.
    ConnectionLimit,
    /// The server stops.
    Shutdown,
    /// The stream is out of reach.
    Error,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::ClientGone => "client_gone",
            Self::ConnectionLimit => "connection_limit",
            Self::Shutdown => "shutdown",
            Self::Error => "error",
        }
    }
}

/// Counts, and says so when it is dropped.
pub(crate) struct Farewell {
    key: TurnKey,
    /// The request's span: its id belongs on the line.
    span: Span,
    began: Instant,
    first_event_ms: Option<u64>,
    chunks: u64,
    bytes: u64,
    pub(crate) events: u64,
    pub(crate) is_resumed: bool,
    pub(crate) reason: Reason,
}

impl Farewell {
    pub(crate) fn new(key: TurnKey, is_resumed: bool) -> Self {
        Self {
            key,
            span: Span::current(),
            began: Instant::now(),
            first_event_ms: None,
            chunks: 0,
            bytes: 0,
            events: 0,
            is_resumed,
            reason: Reason::ClientGone,
        }
    }

    /// Counts a piece of the body.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.chunks += 1;
        self.bytes += bytes as u64;
        if self.first_event_ms.is_none() && self.events > 0 {
            self.first_event_ms = Some(self.elapsed_ms());
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let _inside = self.span.enter();
        tracing::info!(
            session_id = %self.key.session_id,
            turn_id = %self.key.turn_id,
            reason = self.reason.as_str(),
            resumed = self.is_resumed,
            chunks = self.chunks,
            events = self.events,
            bytes = self.bytes,
            first_event_ms = self.first_event_ms,
            total_ms = self.elapsed_ms(),
            "sse closed"
        );
    }
}
