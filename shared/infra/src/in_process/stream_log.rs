//! One turn's stream in memory.

use copilot_core::{
    event::Entry,
    port::stream::{Append, Appended, Begun, LiveStatus},
    position::{Attempt, Position},
};
use std::sync::Arc;

/// Entries that may gather before their deltas are merged.
const MERGE_AFTER: usize = 64;
/// A delta that covers as much is not merged into any further: what readers hold is cheap to
/// copy then.
const MERGED_UNITS: u64 = 4_096;

/// What is stored of a stream. Kept small: old deltas are merged, which keeps positions.
#[derive(Debug)]
pub(super) struct StreamLog {
    attempt: Attempt,
    position: Position,
    ended: bool,
    entries: Vec<Arc<Entry>>,
    /// So many of `entries` are merged already.
    merged: usize,
}

impl StreamLog {
    pub(super) const fn new(attempt: Attempt) -> Self {
        Self {
            attempt,
            position: Position::ZERO,
            ended: false,
            entries: Vec::new(),
            merged: 0,
        }
    }

    pub(super) const fn status(&self) -> LiveStatus {
        LiveStatus {
            attempt: self.attempt,
            position: self.position,
            ended: self.ended,
        }
    }

    pub(super) const fn ended(&self) -> bool {
        self.ended
    }

    pub(super) const fn position(&self) -> Position {
        self.position
    }

    pub(super) fn begin(&mut self, attempt: Attempt) -> Begun {
        if self.ended || attempt < self.attempt {
            return Begun::Fenced;
        }
        let former = std::mem::replace(&mut self.attempt, attempt);
        Begun::At {
            position: self.position,
            former: Some(former),
        }
    }

    pub(super) fn append(&mut self, append: Append) -> Appended {
        let answer = answer(self.status(), &append);
        if answer == Answer::Write {
            self.position = append.to();
            self.entries.extend(append.entries);
            self.merge();
        }
        answer.appended()
    }

    pub(super) fn finish(&mut self, append: Append) -> Appended {
        let appended = self.append(append);
        if appended == Appended::Done {
            self.end();
        }
        appended
    }

    /// Ends it whatever it was: the turn is gone. Closing entries that lie behind what is
    /// stored are left out.
    pub(super) fn bury(&mut self, append: Append) {
        if !self.ended {
            self.attempt = self.attempt.max(append.attempt);
            let position = self.position;
            self.entries.extend(
                append
                    .entries
                    .into_iter()
                    .filter(|entry| entry.position > position),
            );
            self.position = self.entries.last().map_or(position, |entry| entry.position);
            self.end();
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.entries.shrink_to_fit();
    }

    /// At most `limit` entries that end after `position`, oldest first.
    pub(super) fn after(&self, position: Position, limit: usize) -> Vec<Arc<Entry>> {
        let start = self
            .entries
            .partition_point(|entry| entry.position <= position);
        self.entries
            .iter()
            .skip(start)
            .take(limit)
            .cloned()
            .collect()
    }

    /// Merges neighbouring deltas once enough have gathered, each entry about once.
    fn merge(&mut self) {
        if self.entries.len() - self.merged < MERGE_AFTER {
            return;
        }
        for entry in self.entries.split_off(self.merged) {
            let rest = match self.entries.last_mut() {
                Some(last) if last.units + entry.units <= MERGED_UNITS => absorb(last, entry),
                Some(_) | None => Some(entry),
            };
            self.entries.extend(rest);
        }
        self.merged = self.entries.len();
    }
}

/// Gives `next` back if it does not continue `last`. What a reader still holds is copied.
fn absorb(last: &mut Arc<Entry>, next: Arc<Entry>) -> Option<Arc<Entry>> {
    let adjoins = last.event.delta().is_some()
        && std::mem::discriminant(&last.event) == std::mem::discriminant(&next.event)
        && next.position.attempt == last.position.attempt;
    if !adjoins {
        return Some(next);
    }
    Arc::make_mut(last)
        .absorb(Arc::unwrap_or_clone(next))
        .map(Arc::new)
}

/// What a stream that stands like this says to an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Write,
    Repeated,
    Fenced,
    Lost,
}

impl Answer {
    pub(super) const fn appended(self) -> Appended {
        match self {
            Self::Write | Self::Repeated => Appended::Done,
            Self::Fenced => Appended::Fenced,
            Self::Lost => Appended::Lost,
        }
    }
}

/// Decides about an append. An end that is repeated was done: the stream stands at its last
/// entry, in its attempt.
pub(super) fn answer(status: LiveStatus, append: &Append) -> Answer {
    let stands_at_end = status.attempt == append.attempt
        && status.position == append.to()
        && !append.entries.is_empty();
    if stands_at_end {
        return Answer::Repeated;
    }
    if status.ended || append.attempt < status.attempt {
        return Answer::Fenced;
    }
    if append.attempt == status.attempt && append.from == status.position {
        return Answer::Write;
    }
    Answer::Lost
}
