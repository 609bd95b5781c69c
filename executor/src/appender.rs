//! Keeps the live stream at the heels of the journal: what gathers while one append is in
//! flight goes in the next, neighbouring deltas merged.
//!
//! The stream is only a copy. When it is lost it is written again from the parts and from
//! what is not durable yet; while its server is away the turn goes on without it.

use crate::halt::{Halt, StopCause};
use copilot_core::{
    event::{Entry, after, merged},
    port::{
        PortError,
        store::{Fence, Store, end_of},
        stream::{Append, Appended, Begun, TurnStreams},
    },
    position::Position,
    service::closing::StreamEnd,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};

/// Entries that the journal may be ahead of the stream before it waits.
pub(crate) const BACKLOG: usize = 1024;
/// Deltas that follow an append sooner than this gather until then: a model that writes faster
/// than anyone reads costs a few appends, and one at a person's pace is never held back.
const GATHER: Duration = Duration::from_millis(4);
/// Most entries in one append.
const BATCH: usize = 512;
/// Between two tries to reach a stream that is away.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the end of a stream may take; readers get it from the parts then.
const FINISH_LIMIT: Duration = Duration::from_secs(5);

/// What the journal sends.
#[derive(Debug)]
pub(crate) enum Told {
    /// Append this.
    Entry(Entry),
    /// The turn is committed as ended: end the stream.
    Finish,
}

impl Told {
    fn is_delta(&self) -> bool {
        matches!(self, Self::Entry(entry) if entry.event.delta().is_some())
    }
}

/// Entries of this attempt that are in no part yet.
#[derive(Debug, Default)]
pub(crate) struct Unsaved(Mutex<UnsavedEntries>);

#[derive(Debug, Default)]
struct UnsavedEntries {
    entries: Vec<Entry>,
    /// How often what was unsaved has become durable.
    points: u32,
}

impl Unsaved {
    /// Adds an entry, merged with the last one where they adjoin.
    pub(crate) fn push(&self, entry: Entry) {
        let mut unsaved = self.lock();
        let rest = match unsaved.entries.last_mut() {
            Some(last) => last.absorb(entry),
            None => Some(entry),
        };
        unsaved.entries.extend(rest);
    }

    /// All of them, in order.
    pub(crate) fn all(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    /// Whether everything of this attempt is still unsaved.
    fn is_all(&self) -> bool {
        self.lock().points == 0
    }

    /// Forgets them: they are durable.
    pub(crate) fn clear(&self) {
        let mut unsaved = self.lock();
        unsaved.entries.clear();
        unsaved.points += 1;
    }

    fn lock(&self) -> MutexGuard<'_, UnsavedEntries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the stream stands, as far as this attempt knows.
enum Standing {
    /// At this position, and ours.
    At(Position),
    /// Unknown: it must be begun (again), but not before this instant.
    Lost { not_before: Instant },
}

/// Writes one attempt's stream.
pub(crate) struct Appender {
    pub store: Arc<dyn Store>,
    pub streams: Arc<dyn TurnStreams>,
    pub fence: Fence,
    pub halt: Arc<Halt>,
    pub unsaved: Arc<Unsaved>,
    pub told: mpsc::Receiver<Told>,
    /// Opening and parts as they were at the claim, for the first begin.
    pub parts: Option<Vec<Entry>>,
}

/// The stream is another's: this attempt is over.
struct Fenced;

impl Appender {
    /// Appends until the journal is closed, or ended and written out.
    pub(crate) async fn run(mut self) -> StreamEnd {
        let mut appended_at = None;
        let mut standing = Standing::Lost {
            not_before: Instant::now(),
        };
        let mut told = Vec::new();
        loop {
            if self.catch_up(&mut standing).await.is_err() {
                return self.give_up();
            }
            told.clear();
            if !self.listen(&standing, &mut told).await {
                return StreamEnd::Missing;
            }
            self.gather(appended_at, &mut told).await;
            let finish = matches!(told.last(), Some(Told::Finish));
            let entries = told.drain(..).filter_map(|told| match told {
                Told::Entry(entry) => Some(entry),
                Told::Finish => None,
            });
            let entries: Vec<Entry> = entries.collect();
            if finish {
                return self.finish(standing, entries).await;
            }
            if self.append(&mut standing, entries).await.is_err() {
                return self.give_up();
            }
            appended_at = Some(Instant::now());
        }
    }

    /// The stream is another's, and so is its end.
    fn give_up(&self) -> StreamEnd {
        self.halt.stop(StopCause::Fenced);
        StreamEnd::Written
    }

    /// Lets further deltas come in for a moment after the last append. Anything but a delta
    /// goes out at once, and with it what has gathered; a block's first delta comes together
    /// with its start.
    async fn gather(&mut self, appended_at: Option<Instant>, told: &mut Vec<Told>) {
        let Some(until) = appended_at.map(|appended_at| appended_at + GATHER) else {
            return;
        };
        let mut seen = 0;
        while told.iter().skip(seen).all(Told::is_delta)
            && told.len() < BATCH
            && Instant::now() < until
        {
            seen = told.len();
            match tokio::time::timeout_at(until, self.told.recv_many(told, BATCH)).await {
                Ok(received) if received > 0 => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Waits for more; while the stream is lost, not longer than until the next try. False:
    /// the journal is closed.
    async fn listen(&mut self, standing: &Standing, told: &mut Vec<Told>) -> bool {
        match standing {
            Standing::At(_) => self.told.recv_many(told, BATCH).await > 0,
            Standing::Lost { not_before } => {
                let waiting =
                    tokio::time::timeout_at(*not_before, self.told.recv_many(told, BATCH)).await;
                waiting.is_err() || !told.is_empty()
            }
        }
    }

    /// Begins a lost stream again, if it is time to try.
    async fn catch_up(&mut self, standing: &mut Standing) -> Result<(), Fenced> {
        if matches!(standing, Standing::Lost { not_before } if Instant::now() >= *not_before) {
            *standing = match self.begin().await {
                Ok(Some(position)) => Standing::At(position),
                Ok(None) => return Err(Fenced),
                Err(error) => {
                    tracing::debug!(turn_id = %self.fence.key.turn_id, %error, "stream out of reach");
                    lost()
                }
            };
        }
        Ok(())
    }

    /// Fences the stream and writes what it lacks; none: it is another's.
    async fn begin(&mut self) -> Result<Option<Position>, PortError> {
        let position = match self
            .streams
            .begin(self.fence.key, self.fence.attempt)
            .await?
        {
            Begun::At { position, .. } => position,
            Begun::Fenced => return Ok(None),
        };
        // Taken before the parts are read: what becomes durable in between is in the parts.
        let unsaved = self.unsaved.all();
        let parts = match self.parts.take().filter(|_| self.unsaved.is_all()) {
            Some(parts) => parts,
            None => match self.store.recorded(self.fence.key).await? {
                Some(recorded) if recorded.turn.attempt == self.fence.attempt => recorded.parts,
                _ => return Ok(None),
            },
        };
        let durable = end_of(&parts);
        let all = parts
            .into_iter()
            .chain(unsaved.into_iter().filter(|entry| entry.position > durable));
        let append = self.from(position, all);
        let to = append.to();
        match self.streams.append(self.fence.key, append).await? {
            Appended::Done => Ok(Some(to)),
            Appended::Fenced => Ok(None),
            Appended::Lost => Err(PortError::unavailable(
                "beginning a stream",
                "it was lost again",
            )),
        }
    }

    async fn append(&self, standing: &mut Standing, entries: Vec<Entry>) -> Result<(), Fenced> {
        let Standing::At(at) = *standing else {
            return Ok(());
        };
        let append = self.from(at, entries);
        if append.entries.is_empty() {
            return Ok(());
        }
        let to = append.to();
        *standing = match self.streams.append(self.fence.key, append).await {
            Ok(Appended::Done) => Standing::At(to),
            Ok(Appended::Fenced) => return Err(Fenced),
            Ok(Appended::Lost) => Standing::Lost {
                not_before: Instant::now(),
            },
            Err(error) => {
                tracing::debug!(turn_id = %self.fence.key.turn_id, %error, "append failed");
                lost()
            }
        };
        Ok(())
    }

    /// Ends the stream, in bounded time. Whoever else ends it first is right too.
    async fn finish(mut self, mut standing: Standing, mut entries: Vec<Entry>) -> StreamEnd {
        let deadline = Instant::now() + FINISH_LIMIT;
        while Instant::now() < deadline {
            if let Standing::At(at) = standing {
                let append = self.from(at, std::mem::take(&mut entries));
                match self.streams.finish(self.fence.key, append).await {
                    Ok(Appended::Done | Appended::Fenced) => return StreamEnd::Written,
                    Ok(Appended::Lost) => {
                        standing = Standing::Lost {
                            not_before: Instant::now(),
                        };
                    }
                    Err(_) => standing = lost(),
                }
            }
            if let Standing::Lost { not_before } = standing {
                tokio::time::sleep_until(not_before).await;
            }
            if self.catch_up(&mut standing).await.is_err() {
                return StreamEnd::Written;
            }
        }
        tracing::warn!(turn_id = %self.fence.key.turn_id, "stream left without its end, readers have the parts");
        StreamEnd::Missing
    }

    /// What of `entries` the stream lacks at `from`, cut there, so that nothing is in it twice.
    fn from(&self, from: Position, entries: impl IntoIterator<Item = Entry>) -> Append {
        let missing = merged(after(entries, from));
        Append {
            attempt: self.fence.attempt,
            from,
            entries: missing.into_iter().map(Arc::new).collect(),
        }
    }
}

fn lost() -> Standing {
    Standing::Lost {
        not_before: Instant::now() + PAUSE,
    }
}
