//! This process's lease: renewed by a heartbeat that also reconciles.
//!
//! The lease is lost when the renewal changed no row, or when `lease − heartbeat` have passed
//! on our own clock since the last renewal that succeeded was *sent*. Then every turn stops
//! without a write, and the process goes on under a new id.

use crate::{halt::StopCause, running::Running};
use copilot_core::{
    id::{ExecutorId, IdSource},
    port::{
        PortError,
        queue::TurnQueue,
        rounds::{Round, Rounds},
        store::{Fence, HandBack, Lease, OwnedTurn, Store},
    },
    turn::TurnKey,
};
use rand::RngExt;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Who this process is, and whether it still may act.
pub(crate) struct LeaseClock {
    lease: Lease,
    heartbeat: Duration,
    held: Mutex<Held>,
}

#[derive(Clone, Copy)]
struct Held {
    executor: ExecutorId,
    good_until: Option<Instant>,
}

impl LeaseClock {
    /// A clock for a lease that is not registered yet.
    pub(crate) fn new(executor: ExecutorId, lease: Lease, heartbeat: Duration) -> Arc<Self> {
        let held = Mutex::new(Held {
            executor,
            good_until: None,
        });
        Arc::new(Self {
            lease,
            heartbeat,
            held,
        })
    }

    /// The present id, while its lease is good.
    pub(crate) fn executor(&self) -> Option<ExecutorId> {
        let held = *self.held();
        held.good_until
            .is_some_and(|until| Instant::now() < until)
            .then_some(held.executor)
    }

    /// Whether the lease is good at this moment.
    pub(crate) fn is_good(&self) -> bool {
        self.executor().is_some()
    }

    fn renewed(&self, sent_at: Instant) {
        let good_for = match self.lease {
            Lease::For(lease) => lease.saturating_sub(self.heartbeat),
            // The only one on its database: nobody else can take its turns.
            Lease::Process => Duration::from_secs(u64::from(u32::MAX)),
        };
        self.held().good_until = Some(sent_at + good_for);
    }

    fn lost(&self, next: ExecutorId) {
        *self.held() = Held {
            executor: next,
            good_until: None,
        };
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the lease, and the table and this process of one mind.
pub(crate) struct Heartbeat {
    pub store: Arc<dyn Store>,
    pub queue: Arc<dyn TurnQueue>,
    pub ids: Arc<dyn IdSource>,
    pub running: Arc<Running>,
    pub rounds: Arc<dyn Rounds>,
    pub clock: Arc<LeaseClock>,
}

impl Heartbeat {
    /// Registers the lease; turns may be claimed afterwards.
    pub(crate) async fn register(&self) -> Result<(), PortError> {
        let executor = self.clock.held().executor;
        let sent_at = Instant::now();
        self.store.register(executor, self.clock.lease).await?;
        self.clock.renewed(sent_at);
        Ok(())
    }

    /// Beats until `stop`.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        // Never later than promised, and apart from the beats of others that began together.
        let pause = || {
            self.clock
                .heartbeat
                .mul_f64(rand::rng().random_range(0.8..1.0))
        };
        while stop
            .run_until_cancelled(tokio::time::sleep(pause()))
            .await
            .is_some()
        {
            let beat = self.beat().await;
            self.rounds.ended("heartbeat", Round::from(&beat));
            if let Err(error) = beat {
                tracing::warn!(%error, "heartbeat failed");
            }
            if !self.clock.is_good() {
                self.begin_anew().await;
            }
        }
    }

    async fn beat(&self) -> Result<(), PortError> {
        let Some(executor) = self.clock.executor() else {
            return Ok(());
        };
        let before = self.running.claimed();
        let sent_at = Instant::now();
        let answer = timeout(
            self.clock.heartbeat,
            self.store.heartbeat(executor, self.clock.lease),
        )
        .await;
        let owned = match answer {
            Ok(answer) => answer?,
            Err(elapsed) => return Err(PortError::unavailable("renewing the lease", elapsed)),
        };
        let Some(owned) = owned else {
            self.clock.lost(self.ids.next().into());
            return Ok(());
        };
        self.clock.renewed(sent_at);
        for orphan in self.running.reconcile(&before, &owned).hand_back {
            self.hand_back(orphan).await?;
        }
        Ok(())
    }

    async fn hand_back(&self, orphan: OwnedTurn) -> Result<(), PortError> {
        tracing::warn!(turn_id = %orphan.key.turn_id, attempt = orphan.attempt, "nobody here runs it: handed back");
        let fence = Fence {
            key: orphan.key,
            attempt: orphan.attempt,
        };
        self.store.hand_back(fence, HandBack::InOrder).await?;
        self.hint(orphan.key).await;
        Ok(())
    }

    async fn hint(&self, key: TurnKey) {
        if let Err(error) = self.queue.publish(key.into()).await {
            tracing::debug!(turn_id = %key.turn_id, %error, "hint not published, the look will find it");
        }
    }

    /// Stops all turns and takes a new id; only then is anything claimed again.
    async fn begin_anew(&self) {
        tracing::warn!("lease lost: all turns stop, going on under a new id");
        self.clock.lost(self.ids.next().into());
        self.running.stop_all(StopCause::Fenced);
        if let Err(error) = self.register().await {
            tracing::warn!(%error, "no new lease yet");
        }
    }

    /// Gives the lease up.
    pub(crate) async fn unregister(&self) {
        let executor = self.clock.held().executor;
        if let Err(error) = self.store.unregister(executor).await {
            tracing::warn!(%error, "lease left to expire");
        }
    }
}
