//! The bytes of a stream, cut where a frame ends, with what happens between them.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::reply::{Mark, Reply};

/// What the body does next.
#[derive(Debug)]
pub(super) enum Step {
    Send(Bytes),
    Do(Mark),
    Break,
    Hang,
}

/// Collects frames. All bytes are cut from one allocation.
pub(super) struct Frames {
    is_burst: bool,
    buffer: BytesMut,
    steps: Vec<Step>,
}

impl Frames {
    /// Room for a reply whose frames have about `frame_length` bytes.
    pub(super) fn new(reply: &Reply, frame_length: usize) -> Self {
        let frames = reply.deltas.len() + 4;
        Self {
            buffer: BytesMut::with_capacity(frame_length * frames),
            steps: Vec::with_capacity(frames),
            is_burst: reply.is_burst,
        }
    }

    /// More of the frame.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    /// The frame is whole.
    pub(super) fn end(&mut self) {
        if !self.is_burst {
            self.cut();
        }
    }

    /// A whole frame.
    pub(super) fn raw(&mut self, bytes: &str) {
        self.put(bytes.as_bytes());
        self.end();
    }

    /// What the reply does after `place` deltas.
    pub(super) fn marks(&mut self, reply: &Reply, place: usize) {
        for (_, mark) in reply.marks.iter().filter(|(after, _)| *after == place) {
            match mark {
                Mark::Raw(line) => self.raw(line),
                Mark::Gate(_) | Mark::Wait(_) => self.act(Step::Do(mark.clone())),
            }
        }
    }

    /// Something other than bytes.
    pub(super) fn act(&mut self, step: Step) {
        self.cut();
        self.steps.push(step);
    }

    /// All of it.
    pub(super) fn finish(mut self) -> Vec<Step> {
        self.cut();
        self.steps
    }

    fn cut(&mut self) {
        if !self.buffer.is_empty() {
            self.steps.push(Step::Send(self.buffer.split().freeze()));
        }
    }
}
