//! What every part of the executor is given.

use crate::{lease::LeaseClock, metrics::ExecutorMetrics, running::Running};
use copilot_core::{
    clock::Clock,
    id::{IdSource, TurnId},
    port::{
        cancel::CancelBus,
        queue::TurnQueue,
        rounds::Rounds,
        store::{ClaimRules, Fence, Lease, Store},
        stream::TurnStreams,
        turn_ends::TurnEnds,
    },
    position::Attempt,
    service::closing::Closer,
    turn::TurnKey,
};
use copilot_engine::Engine;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// The executor's settings.
#[derive(Clone, Copy, Debug)]
pub struct ExecutorConfig {
    /// Turns at a time.
    pub concurrency: u16,
    /// Between two heartbeats.
    pub heartbeat: Duration,
    /// How long the lease lasts.
    pub lease: Lease,
    /// How long running turns may go on after a soft stop.
    pub drain_timeout: Duration,
    /// Idle sessions that nobody has touched for so long are deleted; none: never.
    pub session_age: Option<Duration>,
    /// What claims are checked against.
    pub rules: ClaimRules,
}

/// The ports that the executor stands on.
#[derive(Clone)]
pub struct Ports {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The live streams.
    pub streams: Arc<dyn TurnStreams>,
    /// The queue of hints.
    pub queue: Arc<dyn TurnQueue>,
    /// The cancel bus.
    pub cancels: Arc<dyn CancelBus>,
    /// Where ids come from.
    pub ids: Arc<dyn IdSource>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who is told of each turn's end.
    pub ends: Arc<dyn TurnEnds>,
    /// Who is told of background loops.
    pub rounds: Arc<dyn Rounds>,
    /// What is counted.
    pub metrics: Arc<ExecutorMetrics>,
}

/// A turn that was let go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubtful {
    pub key: TurnKey,
    /// The attempt whose end may be stored although nobody was told of it.
    pub untold: Option<Attempt>,
}

/// Everything, as handed around inside.
pub(crate) struct Deps {
    pub store: Arc<dyn Store>,
    pub streams: Arc<dyn TurnStreams>,
    pub queue: Arc<dyn TurnQueue>,
    pub cancels: Arc<dyn CancelBus>,
    pub ids: Arc<dyn IdSource>,
    pub clock: Arc<dyn Clock>,
    pub ends: Arc<dyn TurnEnds>,
    pub rounds: Arc<dyn Rounds>,
    pub metrics: Arc<ExecutorMetrics>,
    pub engine: Arc<Engine>,
    pub config: ExecutorConfig,
    pub running: Arc<Running>,
    pub lease: Arc<LeaseClock>,
    pub closer: Closer,
    pub tasks: TaskTracker,
    /// When sessions were last found too young to expire.
    pub expired_at: Mutex<Option<Instant>>,
    /// Turns whose stream ended too; their owner is cleared in batches.
    pub finished: Mutex<Vec<TurnId>>,
    /// Turns that this process let go without knowing whether their stream, or even their row,
    /// has its end.
    pub doubtful: Mutex<Vec<Doubtful>>,
}

/// Between two searches for untouched sessions, once there are no more.
const EXPIRY_PAUSE: Duration = Duration::from_mins(1);

impl Deps {
    /// Whether it is time to look for untouched sessions.
    pub(crate) fn expiry_is_due(&self) -> bool {
        self.expired_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_none_or(|at| at.elapsed() >= EXPIRY_PAUSE)
    }

    /// Notes that there is no need to search again soon.
    pub(crate) fn expiry_done(&self) {
        *self
            .expired_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Publishes a hint; a lost one is found by the look.
    pub(crate) async fn hint(&self, key: TurnKey) {
        if let Err(error) = self.queue.publish(key.into()).await {
            tracing::debug!(turn_id = %key.turn_id, %error, "hint not published, the look will find it");
        }
    }

    /// Notes that a turn's stream has ended too: its owner may be cleared.
    pub(crate) fn stream_ended(&self, key: TurnKey) {
        self.streams_ended([key.turn_id]);
    }

    /// [`Self::stream_ended`] for several.
    pub(crate) fn streams_ended(&self, turns: impl IntoIterator<Item = TurnId>) {
        self.finished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(turns);
    }

    /// Notes that a turn was let go: if it has ended after all, the look ends its stream.
    pub(crate) fn let_go(&self, key: TurnKey) {
        self.look_after(Doubtful { key, untold: None });
    }

    /// [`Self::let_go`], when this attempt may have ended the turn without knowing it: the look
    /// tells of that end.
    pub(crate) fn let_go_in_doubt(&self, Fence { key, attempt }: Fence) {
        let untold = Some(attempt);
        self.look_after(Doubtful { key, untold });
    }

    /// Leaves a turn to the look.
    pub(crate) fn look_after(&self, turn: Doubtful) {
        self.doubtful
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(turn);
    }

    /// Takes the turns that were let go.
    pub(crate) fn take_doubtful(&self) -> Vec<Doubtful> {
        std::mem::take(&mut *self.doubtful.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// After a turn's end: hints at the turn that may run now.
    pub(crate) async fn hint_next(&self, key: TurnKey) {
        match self.store.next_waiting(key).await {
            Ok(Some(next)) => self.hint(next).await,
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "next turn not found, the look will find it"),
        }
    }

    /// Takes the turns whose owner is to be cleared.
    pub(crate) fn take_finished(&self) -> Vec<TurnId> {
        std::mem::take(&mut *self.finished.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
