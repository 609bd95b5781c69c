//! Watching turns that have readers here: one statement a round for all that are silent.
//!
//! The live feed is fast and may lose anything; this is slow and loses nothing. A turn whose
//! row has ended gets its stream ended too, and its readers are told.

use super::closing::Closer;
use crate::{
    id::TurnId,
    port::{
        rounds::{Round, Rounds},
        store::{Store, TurnState},
    },
    position::Position,
    turn::{TurnKey, TurnStatus},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// A round of the watch.
const ROUND: Duration = Duration::from_millis(250);
/// A turn that brought nothing for so long is asked for.
const SILENCE: Duration = Duration::from_millis(500);
/// Every so many rounds it is also asked where the streams of running ones stand.
const STREAM_ROUNDS: u32 = 4;
/// Turns asked for in one statement.
const BATCH: usize = 500;

/// What the database says of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It waits its turn, or for an executor.
    Waiting,
    /// An executor works on it.
    Running(Standing),
    /// It waits for an approval.
    Paused,
    /// Its executor is gone; another will take it over.
    Recovering,
    /// It has ended: all of it is in the parts.
    Ended,
    /// Its session was deleted.
    Gone,
}

/// Where a running turn's stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was not asked in this round.
    Unasked,
    /// Here.
    At(Position),
    /// There is none, or it is out of reach.
    Unknown,
}

impl From<&TurnState> for Verdict {
    fn from(state: &TurnState) -> Self {
        match state.status {
            TurnStatus::Queued => Self::Waiting,
            TurnStatus::Running if state.held => Self::Running(Standing::Unasked),
            TurnStatus::Running => Self::Recovering,
            TurnStatus::Paused => Self::Paused,
            TurnStatus::Completed | TurnStatus::Failed | TurnStatus::Cancelled => Self::Ended,
        }
    }
}

/// What a round asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    Rows,
    RowsAndStreams,
}

struct Watched {
    key: TurnKey,
    readers: usize,
    heard_ms: Arc<AtomicU64>,
    verdict: watch::Sender<Option<Verdict>>,
}

/// The turns that have readers in this process.
pub struct Watch {
    store: Arc<dyn Store>,
    closer: Closer,
    rounds: Arc<dyn Rounds>,
    began: Instant,
    turns: Mutex<HashMap<TurnId, Watched>>,
}

impl Watch {
    /// A watch over nothing yet. [`Self::run`] must be running for verdicts to come.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, closer: Closer, rounds: Arc<dyn Rounds>) -> Arc<Self> {
        Arc::new(Self {
            store,
            closer,
            rounds,
            began: Instant::now(),
            turns: Mutex::default(),
        })
    }

    /// Adds a reader of `key`.
    #[must_use]
    pub fn watch(self: &Arc<Self>, key: TurnKey) -> Watching {
        let now = self.elapsed_ms();
        let mut turns = self.turns();
        let watched = turns.entry(key.turn_id).or_insert_with(|| Watched {
            key,
            readers: 0,
            heard_ms: Arc::new(AtomicU64::new(now)),
            verdict: watch::Sender::new(None),
        });
        watched.readers += 1;
        Watching {
            watch: Arc::clone(self),
            turn_id: key.turn_id,
            heard_ms: Arc::clone(&watched.heard_ms),
            verdicts: watched.verdict.subscribe(),
        }
    }

    /// Asks for silent turns, round by round, until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mut round = tokio::time::interval(ROUND);
        round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for number in (1..=STREAM_ROUNDS).cycle() {
            if stop.run_until_cancelled(round.tick()).await.is_none() {
                return;
            }
            let ask = if number == STREAM_ROUNDS {
                Ask::RowsAndStreams
            } else {
                Ask::Rows
            };
            for silent in self.silent().chunks(BATCH) {
                self.ask(silent, ask).await;
            }
        }
    }

    async fn ask(&self, silent: &[TurnKey], ask: Ask) {
        let ids: Vec<TurnId> = silent.iter().map(|key| key.turn_id).collect();
        let states = match self.store.states(&ids).await {
            Ok(states) => states,
            Err(error) => {
                self.rounds.ended("watching", Round::Failed);
                tracing::debug!(%error, "silent turns could not be asked for");
                return;
            }
        };
        let states: HashMap<TurnId, &TurnState> =
            states.iter().map(|state| (state.turn_id, state)).collect();
        let judged = silent.iter().map(|key| {
            let state = states.get(&key.turn_id);
            (
                *key,
                state.map_or(Verdict::Gone, |state| Verdict::from(*state)),
            )
        });
        let mut judged: Vec<(TurnKey, Verdict)> = judged.collect();
        if ask == Ask::RowsAndStreams {
            self.ask_streams(&mut judged).await;
        }
        for (key, verdict) in judged {
            // Once is enough: slow readers of an ended turn stay here until they have it all.
            if verdict == Verdict::Ended && !self.was_told_end(key.turn_id) {
                self.finish(key).await;
            }
            self.tell(key.turn_id, verdict);
        }
        self.rounds.ended("watching", Round::Done);
    }

    /// A last batch that was lost leaves no gap to see: only the stream's own word tells.
    async fn ask_streams(&self, judged: &mut [(TurnKey, Verdict)]) {
        let running = judged
            .iter_mut()
            .filter(|(_, verdict)| matches!(verdict, Verdict::Running(_)));
        let (keys, verdicts): (Vec<TurnKey>, Vec<&mut Verdict>) =
            running.map(|(key, verdict)| (*key, verdict)).unzip();
        if keys.is_empty() {
            return;
        }
        let lives = match self.closer.streams().statuses(&keys).await {
            Ok(lives) => lives,
            Err(error) => {
                tracing::debug!(%error, "streams of silent turns could not be asked for");
                vec![None; keys.len()]
            }
        };
        for (verdict, live) in verdicts.into_iter().zip(lives) {
            let standing = live.map_or(Standing::Unknown, |live| Standing::At(live.position));
            *verdict = Verdict::Running(standing);
        }
    }

    /// Ends the stream of a turn whose row has ended.
    async fn finish(&self, key: TurnKey) {
        match self.store.recorded(key).await {
            Ok(Some(recorded)) => {
                // What is missing all the same is the look's; readers have the parts.
                let _ = self.closer.finish_stream(recorded).await;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(turn_id = %key.turn_id, %error, "ended turn could not be read");
            }
        }
    }

    fn tell(&self, turn: TurnId, verdict: Verdict) {
        if let Some(watched) = self.turns().get(&turn) {
            watched.verdict.send_replace(Some(verdict));
        }
    }

    fn was_told_end(&self, turn: TurnId) -> bool {
        let turns = self.turns();
        turns
            .get(&turn)
            .is_some_and(|watched| *watched.verdict.borrow() == Some(Verdict::Ended))
    }

    fn silent(&self) -> Vec<TurnKey> {
        let limit = u64::try_from(SILENCE.as_millis()).unwrap_or(u64::MAX);
        let now = self.elapsed_ms();
        self.turns()
            .values()
            .filter(|watched| now.saturating_sub(watched.heard_ms.load(Ordering::Relaxed)) >= limit)
            .map(|watched| watched.key)
            .collect()
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<TurnId, Watched>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One reader's share in the watch; dropping it ends it.
pub struct Watching {
    watch: Arc<Watch>,
    turn_id: TurnId,
    heard_ms: Arc<AtomicU64>,
    verdicts: watch::Receiver<Option<Verdict>>,
}

impl Watching {
    /// Says that the feed brought something.
    pub fn heard(&self) {
        self.heard_ms
            .store(self.watch.elapsed_ms(), Ordering::Relaxed);
    }

    /// The next verdict, each round of silence; waits for one.
    pub async fn verdict(&mut self) -> Verdict {
        loop {
            if self.verdicts.changed().await.is_err() {
                // The sender lives in the watch, which this handle keeps alive.
                std::future::pending::<()>().await;
            }
            if let Some(verdict) = *self.verdicts.borrow_and_update() {
                return verdict;
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut turns = self.watch.turns();
        if let Some(watched) = turns.get_mut(&self.turn_id) {
            watched.readers -= 1;
            if watched.readers == 0 {
                turns.remove(&self.turn_id);
            }
        }
    }
}
