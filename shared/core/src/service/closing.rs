//! Ending a turn that is not one's own, and ending the stream of one that has ended.

use super::last_words::{Draft, last_words};
use crate::{
    event::{Entry, Event, after, merged},
    id::IdSource,
    outline::{Outline, living},
    pen::{Ending, Pen},
    port::{
        PortError,
        store::{Commit, EndCommit, Fence, RaiseIf, Raised, Recorded, Store, end_of},
        stream::{Append, Appended, Begun, TurnStreams},
        turn_ends::{EndedTurn, TurnEnds},
    },
    position::Position,
    turn::TurnKey,
};
use std::sync::Arc;

/// What an attempt to close a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// This call ended it.
    Ended(StreamEnd),
    /// It had ended, or somebody else has taken it on.
    NotOurs,
}

/// Whether the stream of a turn that has ended has its end too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// It has, by whomever.
    Written,
    /// It has not: the look tries again.
    Missing,
}

/// Ends turns that no executor ends.
#[derive(Clone)]
pub struct Closer {
    store: Arc<dyn Store>,
    streams: Arc<dyn TurnStreams>,
    ids: Arc<dyn IdSource>,
    ends: Arc<dyn TurnEnds>,
}

/// What the live stream holds beyond the last durable point.
struct Tail {
    entries: Vec<Entry>,
    /// Where the stream stands; none if it cannot be written.
    stream_at: Option<Position>,
}

impl Closer {
    /// A closer over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        streams: Arc<dyn TurnStreams>,
        ids: Arc<dyn IdSource>,
        ends: Arc<dyn TurnEnds>,
    ) -> Self {
        Self {
            store,
            streams,
            ids,
            ends,
        }
    }

    /// The streams that it ends.
    pub(super) fn streams(&self) -> &dyn TurnStreams {
        self.streams.as_ref()
    }

    /// Ends a turn as `ending`, if `when` holds, keeping its partial answer.
    ///
    /// The order closes every race: the raised attempt fences the row, `begin` fences the
    /// stream and gives its tail, and only then is the answer put together and committed.
    pub async fn close(
        &self,
        key: TurnKey,
        when: RaiseIf,
        ending: &Ending,
    ) -> Result<Closed, PortError> {
        let Some(raised) = self.store.raise(key.turn_id, when).await? else {
            return Ok(Closed::NotOurs);
        };
        let tail = self.fence_stream(&raised).await;
        let (commit, last) = self.compose(&raised, &tail, ending);
        let fence = Fence {
            key,
            attempt: raised.turn.attempt,
        };
        if self.store.commit_end(fence, commit).await? == Commit::Fenced {
            return Ok(Closed::NotOurs);
        }
        let shown = raised.parts.iter().chain(&last);
        let ended = EndedTurn::of(&raised.turn, ending.status(), ending.finish_reason(), shown);
        self.ends.ended(&ended);
        let Some(from) = tail.stream_at else {
            return Ok(Closed::Ended(StreamEnd::Missing));
        };
        let all = raised.parts.into_iter().chain(last);
        Ok(Closed::Ended(
            self.finish_from(key, fence.attempt, from, all).await,
        ))
    }

    /// Ends the stream of a turn whose row has ended, from row and parts; the first wins.
    pub async fn finish_stream(&self, recorded: Recorded) -> StreamEnd {
        let key = recorded.turn.key();
        match self.streams.begin(key, recorded.turn.attempt).await {
            Ok(Begun::At { position, .. }) => {
                self.finish_from(key, recorded.turn.attempt, position, recorded.parts)
                    .await
            }
            Ok(Begun::Fenced) => StreamEnd::Written,
            // Readers get the end from the parts; the stream expires by itself.
            Err(error) => {
                tracing::debug!(turn_id = %key.turn_id, %error, "stream left without its end");
                StreamEnd::Missing
            }
        }
    }

    /// Fences the stream for the raised attempt. Its tail counts only if the stream stood at
    /// the row's former attempt: anything else in it is dead.
    async fn fence_stream(&self, raised: &Raised) -> Tail {
        let key = raised.turn.key();
        let begun = self.streams.begin(key, raised.turn.attempt).await;
        let Ok(Begun::At { position, former }) = begun else {
            return Tail {
                entries: Vec::new(),
                stream_at: None,
            };
        };
        let durable = end_of(&raised.parts);
        let current = former.is_some_and(|former| former + 1 == raised.turn.attempt);
        let entries = match self.streams.read(key, durable).await {
            Ok(Some(entries)) if current && position > durable => living(&entries)
                .iter()
                .map(|entry| Entry::clone(entry))
                .collect(),
            _ => Vec::new(),
        };
        Tail {
            entries,
            stream_at: Some(position),
        }
    }

    /// What is stored at the end, and the entries that are not in the parts yet.
    fn compose(&self, raised: &Raised, tail: &Tail, ending: &Ending) -> (EndCommit, Vec<Entry>) {
        let turn = &raised.turn;
        let known: Vec<Entry> = raised.parts.iter().chain(&tail.entries).cloned().collect();
        let mut pen = Pen::new(turn.attempt, Outline::of(&living(&known)));
        let mark = Event::Reset {
            from: end_of(&known),
            step: turn.steps + 1,
            attempt: turn.attempt,
        };
        let mut last = merged(tail.entries.iter().cloned());
        last.push(pen.write(mark));
        last.extend(pen.end(turn.id, ending, turn.usage));
        let commit = EndCommit {
            status: ending.status(),
            steps: turn.steps,
            finish_reason: ending.finish_reason(),
            usage: turn.usage,
            error: ending.error().cloned(),
            messages: last_words(
                turn,
                &raised.unfinished,
                Draft::of(&tail.entries),
                ending,
                raised.next_place,
                self.ids.as_ref(),
            ),
            parts: last.clone(),
        };
        (commit, last)
    }

    /// Writes what the stream lacks, and its end.
    async fn finish_from(
        &self,
        key: TurnKey,
        attempt: u32,
        from: Position,
        entries: impl IntoIterator<Item = Entry>,
    ) -> StreamEnd {
        let missing = after(entries, from).map(Arc::new).collect();
        let append = Append {
            attempt,
            from,
            entries: missing,
        };
        match self.streams.finish(key, append).await {
            Ok(Appended::Done | Appended::Fenced) => StreamEnd::Written,
            Ok(Appended::Lost) => StreamEnd::Missing,
            Err(error) => {
                tracing::debug!(turn_id = %key.turn_id, %error, "stream left without its end");
                StreamEnd::Missing
            }
        }
    }
}
