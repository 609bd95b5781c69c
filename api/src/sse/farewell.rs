//! The one log line of a response, written whichever way it ends.

use crate::metrics::{ApiMetrics, OpenStream};
use copilot_core::{clock::millis, turn::TurnKey};
use std::time::Duration;
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
    first_event: Option<Duration>,
    chunks: u64,
    bytes: u64,
    events: u64,
    is_resumed: bool,
    open: OpenStream,
    pub(crate) reason: Reason,
}

impl Farewell {
    pub(crate) fn new(key: TurnKey, is_resumed: bool, metrics: &ApiMetrics) -> Self {
        Self {
            key,
            span: Span::current(),
            began: Instant::now(),
            first_event: None,
            chunks: 0,
            bytes: 0,
            events: 0,
            is_resumed,
            open: metrics.stream_opened(),
            reason: Reason::ClientGone,
        }
    }

    /// Counts a piece of the body; `events` are all so far.
    pub(crate) fn count(&mut self, bytes: usize, events: u64) {
        self.open.wrote(events.saturating_sub(self.events));
        self.events = events;
        self.chunks += 1;
        self.bytes += bytes as u64;
        if self.first_event.is_none() && self.events > 0 {
            self.first_event = Some(self.began.elapsed());
        }
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let _inside = self.span.enter();
        tracing::info!(
            session_id = self.key.session_id.tag(),
            turn_id = %self.key.turn_id,
            reason = self.reason.as_str(),
            resumed = self.is_resumed,
            chunks = self.chunks,
            bytes = self.bytes,
            first_event = self.first_event.map(millis),
            total = millis(self.began.elapsed()),
            "sse closed"
        );
    }
}
