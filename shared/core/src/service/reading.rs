//! Reading a turn: history, then live, then history again wherever something is missing.
//!
//! A reader knows two places. `at` is how far it has gone along the stream: what is at or
//! before it is dropped, and what does not adjoin it is a gap, filled from the stream's
//! history and, where that has not got it, from the parts. `outline` is what this client has
//! been shown, which decides what a mark means to it.

use super::watch::{Standing, Verdict, Watch, Watching};
use crate::{
    event::{Entry, Event},
    outline::{Outline, living},
    pen::{CALL_STOPPED, Ending, Pen},
    port::{
        PortError,
        store::{Recorded, Store, end_of},
        stream::{Live, LiveFeed, TurnStreams},
    },
    position::{Attempt, Position},
    turn::{Turn, TurnKey},
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How long an unfinished turn's stream may be out of reach before its readers are let go.
const UNREACHABLE_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks at a history that still has a gap.
const GAP_PAUSE: Duration = Duration::from_millis(100);

/// What a reader is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// An entry, with its place as cursor.
    Entry(Arc<Entry>),
    /// An entry that this client had before a retry; carries no cursor.
    Again(Arc<Entry>),
    /// The step that this client saw begin is void and begins again.
    Retry {
        /// Closes what is known to be open in this client.
        closing: Vec<Event>,
        /// The step.
        step: u32,
        /// The attempt that takes over.
        attempt: Attempt,
        /// The mark's place, as cursor.
        at: Position,
    },
    /// A passing event.
    Passing(Event),
    /// The end of a turn whose session was deleted; stored nowhere.
    Closing(Event),
    /// The turn goes on, but this response cannot.
    Broken,
}

/// Opens readers.
#[derive(Clone)]
pub struct Reading {
    store: Arc<dyn Store>,
    streams: Arc<dyn TurnStreams>,
    watch: Arc<Watch>,
}

impl Reading {
    /// Reading over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, streams: Arc<dyn TurnStreams>, watch: Arc<Watch>) -> Self {
        Self {
            store,
            streams,
            watch,
        }
    }

    /// Opens a reader of `turn` after `cursor`; [`Position::ZERO`]: from its beginning.
    pub async fn open(&self, turn: &Turn, cursor: Position) -> Result<TurnReader, PortError> {
        let key = turn.key();
        // The feed is opened before any history is read, so that nothing falls between.
        let feed = self.streams.follow(key).await?;
        let cursor = if cursor.attempt > turn.attempt {
            Position::ZERO
        } else {
            cursor
        };
        Ok(TurnReader {
            store: Arc::clone(&self.store),
            streams: Arc::clone(&self.streams),
            watching: self.watch.watch(key),
            feed,
            key,
            turn: turn.clone(),
            at: Position::ZERO,
            cursor: (cursor > Position::ZERO).then_some(cursor),
            outline: Outline::default(),
            next: Next::History(Source::Stream),
            status: None,
            unreachable_since: None,
        })
    }
}

/// What a reader does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    History(Source),
    Live,
    End,
}

/// Where a reader looks for history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The live stream, if it has all that is missing; else the parts too.
    Stream,
    /// The parts and the live stream.
    Parts,
}

/// One client's way along one turn.
pub struct TurnReader {
    store: Arc<dyn Store>,
    streams: Arc<dyn TurnStreams>,
    watching: Watching,
    feed: Box<dyn LiveFeed>,
    key: TurnKey,
    /// The row as it was when the reader was opened: only what never changes is used of it,
    /// and whether it had ended.
    turn: Turn,
    at: Position,
    /// Where the client says it stands, until the first history was read.
    cursor: Option<Position>,
    outline: Outline,
    next: Next,
    status: Option<Verdict>,
    unreachable_since: Option<Instant>,
}

impl TurnReader {
    /// The next things to show, in order; all that is at hand, at least one. Empty: the turn
    /// has ended and all was shown. Safe to drop at any await.
    pub async fn next(&mut self) -> Vec<Shown> {
        loop {
            let mut shown = Vec::new();
            match self.next {
                Next::End => return shown,
                Next::History(source) => self.read_history(source, &mut shown).await,
                Next::Live => self.hear(&mut shown).await,
            }
            if !shown.is_empty() {
                return shown;
            }
        }
    }

    async fn hear(&mut self, shown: &mut Vec<Shown>) {
        tokio::select! {
            live = self.feed.next() => {
                self.watching.heard();
                match live {
                    Live::Entries(entries) => {
                        if self.take(&entries, shown) == Taken::Gap {
                            self.next = Next::History(Source::Stream);
                        }
                    }
                    Live::Passing(event) => shown.push(Shown::Passing(event)),
                    Live::Missed => self.next = Next::History(Source::Stream),
                }
            }
            verdict = self.watching.verdict() => self.judge(verdict, shown),
        }
    }

    fn judge(&mut self, verdict: Verdict, shown: &mut Vec<Shown>) {
        match verdict {
            Verdict::Gone => self.close(shown),
            Verdict::Ended => self.next = Next::History(Source::Parts),
            Verdict::Running(standing) => {
                self.status = Some(verdict);
                let is_level = match standing {
                    Standing::Unasked => true,
                    Standing::At(position) => position <= self.at,
                    Standing::Unknown => false,
                };
                if !is_level {
                    self.next = Next::History(Source::Stream);
                }
            }
            Verdict::Waiting | Verdict::Recovering | Verdict::Paused => {
                if self.status.replace(verdict) != Some(verdict) {
                    shown.push(Shown::Passing(Event::status(status_message(verdict))));
                }
            }
        }
    }

    async fn read_history(&mut self, source: Source, shown: &mut Vec<Shown>) {
        let read = self.streams.read(self.key, self.at).await;
        let is_reached = read.is_ok();
        if let Err(error) = &read {
            self.unreachable(error, shown).await;
        }
        if self.next == Next::End {
            return;
        }
        let stream = read.ok().flatten();
        // A stream that nobody has begun yet is not missed; one of a turn that runs is.
        let not_begun = self.turn.attempt == 0 && !matches!(self.status, Some(Verdict::Running(_)));
        let expected = is_reached && (stream.is_some() || not_begun);
        let stream = stream.unwrap_or_default();
        if source == Source::Stream && expected && !self.turn.status.is_terminal() {
            self.next = Next::History(Source::Parts);
            if self.take_stream(&stream, shown) == Taken::All {
                self.unreachable_since = None;
                self.live();
            }
            if self.next == Next::Live || !shown.is_empty() {
                return;
            }
        }
        match self.store.recorded(self.key).await {
            Ok(Some(recorded)) => {
                if is_reached {
                    self.unreachable_since = None;
                }
                self.take_recorded(&recorded, stream, shown).await;
            }
            Ok(None) => self.close(shown),
            Err(error) => self.unreachable(&error, shown).await,
        }
    }

    /// The turn's opening is known from the row, also before anyone has begun the stream.
    fn take_stream(&mut self, stream: &[Arc<Entry>], shown: &mut Vec<Shown>) -> Taken {
        let mut entries: Vec<Arc<Entry>> = Vec::new();
        if self.at == Position::ZERO
            && stream
                .first()
                .is_none_or(|first| first.position.attempt > 0)
        {
            entries.extend(self.turn.opening().into_iter().map(Arc::new));
        }
        entries.extend_from_slice(stream);
        match self.cursor {
            Some(cursor) if end(&entries) < cursor => Taken::Gap,
            _ => self.take_history(&entries, shown),
        }
    }

    async fn take_recorded(
        &mut self,
        recorded: &Recorded,
        stream: Vec<Arc<Entry>>,
        shown: &mut Vec<Shown>,
    ) {
        let ended = recorded.turn.status.is_terminal();
        if ended
            && self
                .cursor
                .is_some_and(|cursor| cursor > end_of(&recorded.parts))
        {
            // No such place: a full replay, never a bare rest.
            self.cursor = None;
        }
        if ended && self.cursor.is_none() && self.at > end_of(&recorded.parts) {
            // The cursor named a place that never came: nothing was shown yet.
            self.at = Position::ZERO;
            self.outline = Outline::default();
        }
        let entries = joined(
            &recorded.parts,
            stream,
            if ended { Beyond::Dead } else { Beyond::Kept },
        );
        let taken = self.take_history(&entries, shown);
        match taken {
            _ if self.next == Next::End => {}
            Taken::All if !ended => self.live(),
            Taken::Gap if !ended => {
                // Written soon, by whoever is repairing the stream.
                if shown.is_empty() {
                    tokio::time::sleep(GAP_PAUSE).await;
                }
                self.next = Next::History(Source::Parts);
            }
            Taken::All | Taken::Gap => {
                tracing::error!(turn_id = %self.key.turn_id, "the parts of an ended turn lack their end");
                shown.push(Shown::Broken);
                self.next = Next::End;
            }
        }
    }

    fn live(&mut self) {
        if self.next != Next::End {
            self.next = Next::Live;
        }
    }

    /// Takes a history. The first one also finds the client's cursor: what stands before it
    /// is taken in silently, so that the outline is what this client has been shown.
    fn take_history(&mut self, entries: &[Arc<Entry>], shown: &mut Vec<Shown>) -> Taken {
        if let Some(cursor) = self.cursor.take() {
            let before: Vec<_> = entries
                .iter()
                .filter(|entry| entry.first() <= cursor)
                .cloned()
                .collect();
            let path = living(&before);
            for entry in &path {
                self.outline.apply(entry);
            }
            // Where the last thing that it saw is lost, at least that it saw it is known.
            if path.last().is_none_or(|last| last.position < cursor) {
                self.outline.shown = cursor;
            }
            self.at = cursor;
            // A cursor of the very end: nothing is left to show.
            if self.outline.finished {
                self.next = Next::End;
            }
        }
        self.take_with(&living(entries), entries, shown)
    }

    fn take(&mut self, entries: &[Arc<Entry>], shown: &mut Vec<Shown>) -> Taken {
        self.take_with(entries, &[], shown)
    }

    fn take_with(
        &mut self,
        entries: &[Arc<Entry>],
        all: &[Arc<Entry>],
        shown: &mut Vec<Shown>,
    ) -> Taken {
        for entry in entries {
            if self.next == Next::End {
                break;
            }
            match self.place(entry) {
                Place::Seen => {}
                Place::Gap => return Taken::Gap,
                Place::Next => {
                    if let Event::Reset {
                        from,
                        step,
                        attempt,
                    } = entry.event
                    {
                        if self.needs_more(from, all) {
                            return Taken::Gap;
                        }
                        self.pass_mark(entry.position, from, step, attempt, all, shown);
                    } else {
                        self.show(entry, shown);
                    }
                }
            }
        }
        Taken::All
    }

    fn place(&self, entry: &Entry) -> Place {
        if entry.position <= self.at {
            return Place::Seen;
        }
        if let Event::Reset { from, .. } = entry.event {
            return if self.at < from {
                Place::Gap
            } else {
                Place::Next
            };
        }
        let first = entry.first();
        let adjoins = if first.attempt == self.at.attempt {
            first.unit <= self.at.unit + 1
        } else {
            // The first attempt opens without a mark, right after the turn's opening.
            first == Position::new(1, 1) && self.at >= self.turn.opening_end()
        };
        if adjoins { Place::Next } else { Place::Gap }
    }

    fn show(&mut self, entry: &Arc<Entry>, shown: &mut Vec<Shown>) {
        let inside = entry.first() <= self.at;
        let entry = if inside {
            Arc::new(entry.after(self.at))
        } else {
            Arc::clone(entry)
        };
        self.at = entry.position;
        self.outline.apply(&entry);
        if self.outline.finished {
            self.next = Next::End;
        }
        shown.push(Shown::Entry(entry));
    }

    /// Whether a mark makes this client's step void although part of it is durable, and
    /// `all` has not got that part, which must be shown again.
    fn needs_more(&self, from: Position, all: &[Arc<Entry>]) -> bool {
        let is_lacking =
            |began: Position| began <= from && !all.iter().any(|entry| entry.position == began);
        self.outline.shown > from && self.outline.step.is_some_and(is_lacking)
    }

    /// What a mark means to this client: nothing if it saw nothing that died.
    fn pass_mark(
        &mut self,
        at: Position,
        from: Position,
        step: u32,
        attempt: Attempt,
        all: &[Arc<Entry>],
        shown: &mut Vec<Shown>,
    ) {
        self.at = at;
        if self.outline.shown <= from {
            return;
        }
        let began = self.outline.step.filter(|began| *began <= from);
        let closing = self.outline.closing(CALL_STOPPED);
        shown.push(Shown::Retry {
            closing,
            step,
            attempt,
            at,
        });
        self.outline = Outline {
            shown: from,
            ..Outline::default()
        };
        if let Some(began) = began {
            let again = all
                .iter()
                .filter(|entry| entry.first() >= began && entry.position <= from);
            for entry in again {
                self.outline.apply(entry);
                shown.push(Shown::Again(Arc::clone(entry)));
            }
        }
    }

    /// Ends the response of a turn whose session was deleted.
    fn close(&mut self, shown: &mut Vec<Shown>) {
        if self.at == Position::ZERO {
            shown.extend(
                self.turn
                    .opening()
                    .into_iter()
                    .map(|entry| Shown::Closing(entry.event)),
            );
        }
        let mut pen = Pen::new(self.at.attempt, self.outline.clone());
        let end = pen.end(self.key.turn_id, &Ending::Cancelled, self.turn.usage);
        shown.extend(end.into_iter().map(|entry| Shown::Closing(entry.event)));
        self.next = Next::End;
    }

    /// Waits a little, or gives up when it has lasted too long.
    async fn unreachable(&mut self, error: &PortError, shown: &mut Vec<Shown>) {
        let since = *self.unreachable_since.get_or_insert_with(Instant::now);
        if !error.is_unavailable() || since.elapsed() >= UNREACHABLE_LIMIT {
            tracing::warn!(turn_id = %self.key.turn_id, %error, "stream out of reach, response broken");
            shown.push(Shown::Broken);
            self.next = Next::End;
        } else {
            tokio::time::sleep(GAP_PAUSE).await;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Seen,
    Next,
    Gap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    All,
    Gap,
}

/// What the stream has beyond the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beyond {
    /// It may still become durable.
    Kept,
    /// The row has ended without it.
    Dead,
}

/// Parts and stream as one history. Within an attempt the parts win; what the stream has
/// between them are entries that died, which only a client that saw them needs.
fn joined(parts: &[Entry], stream: Vec<Arc<Entry>>, beyond: Beyond) -> Vec<Arc<Entry>> {
    let last = end_of(parts);
    let mut all: Vec<Arc<Entry>> = parts.iter().cloned().map(Arc::new).collect();
    let covered = |entry: &Entry| {
        let same = parts
            .iter()
            .rev()
            .find(|part| part.position.attempt == entry.position.attempt);
        same.is_some_and(|part| entry.position.unit <= part.position.unit)
    };
    all.extend(
        stream
            .into_iter()
            .filter(|entry| !covered(entry) && (beyond == Beyond::Kept || entry.position < last)),
    );
    all.sort_by_key(|entry| entry.position);
    all
}

fn end(entries: &[Arc<Entry>]) -> Position {
    entries
        .last()
        .map_or(Position::ZERO, |entry| entry.position)
}

const fn status_message(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Waiting => "queued",
        Verdict::Paused => "paused",
        _ => "recovering",
    }
}
