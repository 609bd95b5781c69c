//! Events as bytes: all of one wake-up in one piece.

use bytes::{BufMut, Bytes, BytesMut};
use copilot_core::{id::TurnId, position::Position};
use serde::Serialize;
use std::fmt::Write;

/// What a delta takes, about.
const RESERVED_BYTES: usize = 256;

/// Bytes on their way out.
pub(crate) struct Frame {
    bytes: BytesMut,
    /// `id: ` and the part of every cursor that names the turn.
    cursor: Box<str>,
    events: u64,
}

impl Frame {
    /// An empty frame of a stream of `turn`.
    pub(crate) fn new(turn: TurnId) -> Self {
        let cursor = format!("id: {}.", turn.uuid().simple()).into_boxed_str();
        Self {
            bytes: BytesMut::new(),
            cursor,
            events: 0,
        }
    }

    /// Adds an event.
    pub(crate) fn event(&mut self, cursor: Option<Position>, event: &impl Serialize) {
        self.bytes.reserve(RESERVED_BYTES);
        let start = self.bytes.len();
        if let Some(at) = cursor {
            self.bytes.extend_from_slice(self.cursor.as_bytes());
            // Writing to memory does not fail.
            let _infallible = writeln!(self.bytes, "{}-{}", at.attempt, at.unit);
        }
        self.bytes.extend_from_slice(b"data: ");
        if let Err(error) = serde_json::to_writer((&mut self.bytes).writer(), event) {
            tracing::error!(%error, "an event could not be written as JSON");
            self.bytes.truncate(start);
            return;
        }
        self.bytes.extend_from_slice(b"\n\n");
        self.events += 1;
    }

    /// Adds the mark behind the last event.
    pub(crate) fn done(&mut self) {
        self.bytes.extend_from_slice(b"data: [DONE]\n\n");
    }

    /// How much is in it.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Events written over the whole stream.
    pub(crate) const fn events(&self) -> u64 {
        self.events
    }

    /// Hands out what is in it; nothing of it is kept.
    pub(crate) fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.bytes).freeze()
    }
}
