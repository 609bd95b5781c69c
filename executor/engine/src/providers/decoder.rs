//! From a reply's bytes to deltas, whatever the server's protocol.

use super::sse::{Frame, SseParser};
use crate::{provider::Delta, provider_error::ProviderError};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;

/// The most calls of one reply.
pub(super) const MOST_CALLS: usize = 128;

/// Understands the events of one protocol.
pub(super) trait ReadEvent: Send + Unpin + 'static {
    /// Takes the data of one event in, and hands on what came of it.
    fn read(&mut self, data: &str, ready: &mut VecDeque<Delta>) -> Result<(), ProviderError>;

    /// Whether the end marker has come.
    fn is_done(&self) -> bool;
}

/// Reads one reply. After its end or its first fault it takes nothing more in.
#[derive(Debug)]
pub(super) struct Decoder<R> {
    sse: SseParser,
    reader: R,
    error: Option<ProviderError>,
    has_failed: bool,
}

impl<R: ReadEvent> Decoder<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            sse: SseParser::default(),
            reader,
            error: None,
            has_failed: false,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], ready: &mut VecDeque<Delta>) {
        let mut frames = Vec::new();
        let parsed = self.sse.push(bytes, |frame| frames.push(frame));
        self.take(frames, ready);
        if parsed.is_err() {
            self.fail(ProviderError::broken("an event of the stream is too long"));
        }
    }

    pub(super) fn end(&mut self, ready: &mut VecDeque<Delta>) {
        let mut frames = Vec::new();
        self.sse.end(|frame| frames.push(frame));
        self.take(frames, ready);
        if !self.reader.is_done() {
            self.fail(ProviderError::broken(
                "the stream ended without its end marker",
            ));
        }
    }

    /// The first fault is the one that counts.
    pub(super) fn fail(&mut self, error: ProviderError) {
        if !self.has_failed && !self.reader.is_done() {
            self.has_failed = true;
            self.error = Some(error);
        }
    }

    pub(super) const fn has_failed(&self) -> bool {
        self.has_failed
    }

    pub(super) const fn take_error(&mut self) -> Option<ProviderError> {
        self.error.take()
    }

    fn take(&mut self, frames: Vec<Frame>, ready: &mut VecDeque<Delta>) {
        for frame in frames {
            if self.has_failed || self.reader.is_done() {
                return;
            }
            let before = ready.len();
            if let Frame::Data(data) = frame
                && let Err(error) = self.reader.read(&data, ready)
            {
                self.fail(error);
                return;
            }
            if ready.len() == before {
                ready.push_back(Delta::Alive);
            }
        }
    }
}

/// The JSON of an event.
pub(super) fn parse<T: DeserializeOwned>(data: &str) -> Result<T, ProviderError> {
    serde_json::from_str(data).map_err(|error| {
        // The position alone: the text around it may be the conversation.
        let place = error.column();
        ProviderError::broken(format!(
            "an event of the stream is no chunk (at character {place})"
        ))
    })
}
