//! Turn streams in memory.

use super::{
    lock,
    stream_log::{StreamLog, answer},
};
use async_trait::async_trait;
use copilot_core::{
    event::{Entry, Event},
    port::{
        PortError,
        stream::{Append, Appended, Begun, Live, LiveFeed, LiveStatus, TurnStreams},
    },
    position::{Attempt, Position},
    turn::TurnKey,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};
use tokio::sync::Notify;

/// A feed brings at most this many entries at once.
const BATCH: usize = 256;
/// Passing events that a reader may be behind; it loses older ones.
const PASSING: usize = 8;
/// Streams that vanished after their end and are remembered, so that a late writer finds
/// them ended.
const GRAVES: usize = 1_024;

/// Streams in memory.
///
/// A reader has no queue: it reads the turn's log from where it stands, so that a slow one
/// costs nothing and misses nothing. A stream that ended vanishes with its last reader, at
/// once if there is none.
#[derive(Clone, Debug, Default)]
pub struct InProcessStreams {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    // Locked before any slot.
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    slots: HashMap<TurnKey, Arc<Slot>>,
    graves: HashMap<TurnKey, LiveStatus>,
    buried: VecDeque<TurnKey>,
}

/// A turn's stream and those who read it. There may be readers before there is a stream.
#[derive(Debug, Default)]
struct Slot {
    state: Mutex<SlotState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct SlotState {
    log: Option<StreamLog>,
    feeds: usize,
    /// Passing events, each with its number.
    passing: VecDeque<(u64, Event)>,
    passed: u64,
    /// How often all was forgotten.
    forgotten: u64,
}

impl InProcessStreams {
    /// Forgets every stream, as a restart of a server would that keeps them: feeds stay open
    /// and are told [`Live::Missed`], writers find their stream lost. For tests.
    pub fn forget_all(&self) {
        let mut table = lock(&self.shared.table);
        table.graves.clear();
        table.buried.clear();
        table.slots.retain(|_, slot| {
            let mut state = lock(&slot.state);
            state.log = None;
            state.passing.clear();
            state.forgotten += 1;
            slot.changed.notify_waiters();
            state.feeds > 0
        });
    }

    /// How many streams there are, unread ended ones excepted.
    #[must_use]
    pub fn open(&self) -> usize {
        lock(&self.shared.table).slots.len()
    }

    fn slot(&self, turn: TurnKey) -> Option<Arc<Slot>> {
        lock(&self.shared.table).slots.get(&turn).cloned()
    }

    fn write(&self, turn: TurnKey, append: Append, last: Last) -> Appended {
        let (slot, grave) = {
            let table = lock(&self.shared.table);
            (
                table.slots.get(&turn).cloned(),
                table.graves.get(&turn).copied(),
            )
        };
        let Some(slot) = slot else {
            return grave.map_or(Appended::Lost, |status| answer(status, &append).appended());
        };
        let appended = {
            let mut state = lock(&slot.state);
            match (&mut state.log, last) {
                (None, _) => {
                    return grave
                        .map_or(Appended::Lost, |status| answer(status, &append).appended());
                }
                (Some(log), Last::No) => log.append(append),
                (Some(log), Last::Yes) => log.finish(append),
            }
        };
        slot.changed.notify_waiters();
        if last == Last::Yes {
            self.shared.clear_away(turn);
        }
        appended
    }
}

/// Whether an append ends the stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Yes,
    No,
}

impl Shared {
    /// Removes a slot that nobody reads and nobody writes any more.
    fn clear_away(&self, turn: TurnKey) {
        let mut table = lock(&self.table);
        let Some(slot) = table.slots.get(&turn) else {
            return;
        };
        let grave = {
            let state = lock(&slot.state);
            match &state.log {
                _ if state.feeds > 0 => return,
                Some(log) if !log.ended() => return,
                Some(log) => Some(log.status()),
                None => None,
            }
        };
        table.slots.remove(&turn);
        if let Some(status) = grave {
            table.remember(turn, status);
        }
    }
}

impl Table {
    fn status(&self, turn: TurnKey) -> Option<LiveStatus> {
        let slot = self.slots.get(&turn);
        let live = slot.and_then(|slot| lock(&slot.state).log.as_ref().map(StreamLog::status));
        live.or_else(|| self.graves.get(&turn).copied())
    }

    fn remember(&mut self, turn: TurnKey, status: LiveStatus) {
        if self.graves.insert(turn, status).is_none() {
            self.buried.push_back(turn);
        }
        if self.buried.len() > GRAVES
            && let Some(oldest) = self.buried.pop_front()
        {
            self.graves.remove(&oldest);
        }
    }
}

#[async_trait]
impl TurnStreams for InProcessStreams {
    async fn begin(&self, turn: TurnKey, attempt: Attempt) -> Result<Begun, PortError> {
        let mut table = lock(&self.shared.table);
        if table.graves.contains_key(&turn) {
            return Ok(Begun::Fenced);
        }
        let slot = table.slots.entry(turn).or_default();
        let mut state = lock(&slot.state);
        if let Some(log) = &mut state.log {
            return Ok(log.begin(attempt));
        }
        state.log = Some(StreamLog::new(attempt));
        Ok(Begun::At {
            position: Position::ZERO,
            former: None,
        })
    }

    async fn append(&self, turn: TurnKey, append: Append) -> Result<Appended, PortError> {
        Ok(self.write(turn, append, Last::No))
    }

    async fn finish(&self, turn: TurnKey, append: Append) -> Result<Appended, PortError> {
        Ok(self.write(turn, append, Last::Yes))
    }

    async fn publish(&self, turn: TurnKey, event: Event) -> Result<(), PortError> {
        if let Some(slot) = self.slot(turn) {
            let mut state = lock(&slot.state);
            if state.feeds > 0 {
                let number = state.passed;
                state.passed += 1;
                state.passing.push_back((number, event));
                if state.passing.len() > PASSING {
                    state.passing.pop_front();
                }
                slot.changed.notify_waiters();
            }
        }
        Ok(())
    }

    async fn read(
        &self,
        turn: TurnKey,
        after: Position,
    ) -> Result<Option<Vec<Arc<Entry>>>, PortError> {
        let Some(slot) = self.slot(turn) else {
            return Ok(None);
        };
        let state = lock(&slot.state);
        Ok(state.log.as_ref().map(|log| log.after(after, usize::MAX)))
    }

    /// Of a stream that ended and vanished, its end is known for a while.
    async fn status(&self, turn: TurnKey) -> Result<Option<LiveStatus>, PortError> {
        Ok(lock(&self.shared.table).status(turn))
    }

    async fn statuses(&self, turns: &[TurnKey]) -> Result<Vec<Option<LiveStatus>>, PortError> {
        let table = lock(&self.shared.table);
        Ok(turns.iter().map(|turn| table.status(*turn)).collect())
    }

    async fn follow(&self, turn: TurnKey) -> Result<Box<dyn LiveFeed>, PortError> {
        let mut table = lock(&self.shared.table);
        let slot = Arc::clone(table.slots.entry(turn).or_default());
        let feed = {
            let mut state = lock(&slot.state);
            state.feeds += 1;
            Feed {
                shared: Arc::clone(&self.shared),
                turn,
                position: state
                    .log
                    .as_ref()
                    .map_or(Position::ZERO, StreamLog::position),
                passed: state.passed,
                forgotten: state.forgotten,
                slot: Arc::clone(&slot),
            }
        };
        Ok(Box::new(feed))
    }

    async fn keep_alive(&self, _turns: &[TurnKey]) -> Result<(), PortError> {
        // Nothing expires here.
        Ok(())
    }

    async fn bury(&self, turn: TurnKey, append: Append) -> Result<(), PortError> {
        {
            let mut table = lock(&self.shared.table);
            if table.graves.contains_key(&turn) {
                return Ok(());
            }
            let slot = table.slots.entry(turn).or_default();
            let mut state = lock(&slot.state);
            state
                .log
                .get_or_insert_with(|| StreamLog::new(append.attempt))
                .bury(append);
            slot.changed.notify_waiters();
        }
        self.shared.clear_away(turn);
        Ok(())
    }
}

struct Feed {
    shared: Arc<Shared>,
    turn: TurnKey,
    slot: Arc<Slot>,
    /// The last entry that it brought.
    position: Position,
    /// The number of the next passing event.
    passed: u64,
    forgotten: u64,
}

impl Feed {
    fn pending(&mut self) -> Option<Live> {
        let state = lock(&self.slot.state);
        if state.forgotten != self.forgotten {
            self.forgotten = state.forgotten;
            return Some(Live::Missed);
        }
        if let Some((number, event)) = state
            .passing
            .iter()
            .find(|(number, _)| *number >= self.passed)
        {
            self.passed = number + 1;
            return Some(Live::Passing(event.clone()));
        }
        let entries = state.log.as_ref()?.after(self.position, BATCH);
        self.position = entries.last()?.position;
        Some(Live::Entries(entries))
    }
}

#[async_trait]
impl LiveFeed for Feed {
    async fn next(&mut self) -> Live {
        let slot = Arc::clone(&self.slot);
        loop {
            // Made before looking: what changes after the look wakes it.
            let changed = slot.changed.notified();
            if let Some(live) = self.pending() {
                return live;
            }
            changed.await;
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        lock(&self.slot.state).feeds -= 1;
        self.shared.clear_away(self.turn);
    }
}
