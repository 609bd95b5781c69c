//! Consumes turns and runs them: claim, lease, journal, drain.
//!
//! Nothing here knows which adapters it has.

mod appender;
mod cancels;
mod consumer;
mod deps;
mod doctor;
mod halt;
mod journal;
mod lease;
mod look;
mod metrics;
mod model_provider;
mod naming;
mod role;
mod running;
mod setup;
mod turn_task;

pub use deps::{ExecutorConfig, Ports};
pub use doctor::checks;
pub use metrics::ExecutorMetrics;
pub use role::{StartError, start};
pub use setup::{SetupError, engine, executor_config};

use crate::{
    deps::Deps,
    halt::StopCause,
    lease::{Heartbeat, LeaseClock},
    running::Running,
};
use copilot_core::{port::PortError, service::closing::Closer};
use copilot_engine::Engine;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// After the drain's limit: for stopping, appending and handing back.
pub const HAND_OVER_LIMIT: Duration = Duration::from_secs(5);

/// An executor that has its lease.
pub struct Executor {
    deps: Arc<Deps>,
    heartbeat: Heartbeat,
}

impl Executor {
    /// Takes a lease.
    pub async fn start(
        ports: Ports,
        engine: Arc<Engine>,
        config: ExecutorConfig,
    ) -> Result<Self, PortError> {
        let running = Running::new(usize::from(config.concurrency));
        let lease = LeaseClock::new(ports.ids.next().into(), config.lease, config.heartbeat);
        let closer = Closer::new(
            Arc::clone(&ports.store),
            Arc::clone(&ports.streams),
            Arc::clone(&ports.ids),
            Arc::clone(&ports.ends),
        );
        let deps = Arc::new(Deps {
            store: ports.store,
            streams: ports.streams,
            queue: ports.queue,
            cancels: ports.cancels,
            ids: ports.ids,
            clock: ports.clock,
            ends: ports.ends,
            rounds: ports.rounds,
            metrics: ports.metrics,
            engine,
            config,
            running: Arc::clone(&running),
            lease: Arc::clone(&lease),
            closer,
            tasks: TaskTracker::new(),
            expired_at: Mutex::default(),
            finished: Mutex::default(),
            doubtful: Mutex::default(),
        });
        let heartbeat = Heartbeat {
            store: Arc::clone(&deps.store),
            queue: Arc::clone(&deps.queue),
            ids: Arc::clone(&deps.ids),
            running,
            rounds: Arc::clone(&deps.rounds),
            clock: lease,
        };
        heartbeat.register().await?;
        deps.metrics.set_capacity(config.concurrency);
        Ok(Self { deps, heartbeat })
    }

    /// Works until `stop`, then drains: takes nothing new, lets what runs go on for the drain
    /// limit (or until `hurry`), hands the rest over, and gives the lease up.
    pub async fn run(self, stop: CancellationToken, hurry: CancellationToken) {
        let Self { deps, heartbeat } = self;
        let closing = CancellationToken::new();
        let background = async {
            futures::join!(
                heartbeat.run(closing.clone()),
                cancels::run(Arc::clone(&deps), closing.clone())
            );
        };
        let taking = async {
            futures::join!(
                consumer::run(Arc::clone(&deps), stop.clone()),
                look::run(Arc::clone(&deps), stop.clone())
            );
            drain(&deps, &hurry).await;
            closing.cancel();
        };
        futures::join!(background, taking);
        heartbeat.unregister().await;
    }
}

async fn drain(deps: &Deps, hurry: &CancellationToken) {
    deps.metrics.set_capacity(0);
    deps.tasks.close();
    let running = deps.tasks.len();
    if running > 0 {
        tracing::info!(running, limit = ?deps.config.drain_timeout, "draining");
    }
    let drained = tokio::time::timeout(deps.config.drain_timeout, deps.tasks.wait());
    if matches!(hurry.run_until_cancelled(drained).await, Some(Ok(()))) {
        return;
    }
    tracing::info!(running = deps.tasks.len(), "handing over what still runs");
    deps.running.stop_all(StopCause::Drained);
    if tokio::time::timeout(HAND_OVER_LIMIT, deps.tasks.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            running = deps.tasks.len(),
            "left behind: found by others when the lease runs out"
        );
    }
}
