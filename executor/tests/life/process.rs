//! An executor as a process: on a runtime of its own, with one thread, that can be killed or
//! frozen at any point.

use crate::{
    ends::Ends,
    faults::{Faults, Gate},
    faulty_queue::FaultyQueue,
    faulty_store::FaultyStore,
    faulty_streams::FaultyStreams,
    player::Player,
    tools::tools,
    world::{PATIENCE, World},
};
use copilot_core::{
    clock::SystemClock,
    port::store::{ClaimRules, Lease},
};
use copilot_engine::{
    Engine, EngineConfig, EngineParts, Prompt, Registry, RetryPolicy, jitter::RandomJitter,
};
use copilot_executor::{Executor, ExecutorConfig, ExecutorMetrics, Ports};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::Duration,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// How long the threads of a killed process may take to be gone.
const DEATH_LIMIT: Duration = Duration::from_secs(10);

/// What differs between the executors of the tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) lease: Lease,
    pub(crate) max_attempts: u32,
    pub(crate) timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) concurrency: u16,
    pub(crate) max_running: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Lease::For(Duration::from_millis(400)),
            max_attempts: 3,
            timeout: Duration::from_mins(1),
            drain_timeout: Duration::from_secs(30),
            concurrency: 4,
            max_running: 8,
        }
    }
}

pub(crate) struct Process {
    pub(crate) faults: Arc<Faults>,
    runtime: Option<Runtime>,
    stop: CancellationToken,
    hurry: CancellationToken,
    running: Option<JoinHandle<()>>,
    registered: Option<oneshot::Receiver<()>>,
}

impl Process {
    /// Starts an executor.
    pub(crate) fn start(world: &World, name: &str, settings: Settings) -> Self {
        let faults = Faults::new(name, &world.log);
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
        let (tell, registered) = oneshot::channel();
        let ports = ports(world, &faults);
        let engine = engine(world, &faults);
        let config = ExecutorConfig {
            concurrency: settings.concurrency,
            heartbeat: Duration::from_millis(50),
            lease: settings.lease,
            drain_timeout: settings.drain_timeout,
            session_age: None,
            rules: ClaimRules {
                max_running: settings.max_running,
                max_attempts: settings.max_attempts,
                timeout: settings.timeout,
            },
        };
        world.log.note(name, "starts");
        let (stopping, hurrying) = (stop.clone(), hurry.clone());
        let running = runtime.spawn(async move {
            let executor = loop {
                match Executor::start(ports.clone(), Arc::clone(&engine), config).await {
                    Ok(executor) => break executor,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            };
            // Nobody need wait for it.
            let _ = tell.send(());
            executor.run(stopping, hurrying).await;
        });
        Self {
            faults,
            runtime: Some(runtime),
            stop,
            hurry,
            running: Some(running),
            registered: Some(registered),
        }
    }

    /// Waits until it has its lease.
    pub(crate) async fn is_up(mut self) -> Self {
        if let Some(registered) = self.registered.take() {
            let registered = tokio::time::timeout(PATIENCE, registered).await;
            registered
                .expect("the database answers")
                .expect("the executor registers");
        }
        self
    }

    /// Kills it: nothing of it is left when this returns.
    pub(crate) async fn crash(mut self, world: &World) {
        world.log.note(&self.faults.name, "is killed");
        self.faults.kill();
        let runtime = self.runtime.take().unwrap();
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(DEATH_LIMIT))
            .await
            .unwrap();
        world.log.note(&self.faults.name, "is dead");
    }

    /// Freezes it, soon: nothing in it moves until the gate opens.
    pub(crate) fn freeze(&self) -> Arc<Gate> {
        let gate = Arc::new(Gate::new("anywhere"));
        let (faults, freezing) = (Arc::clone(&self.faults), Arc::clone(&gate));
        if let Some(runtime) = &self.runtime {
            faults.watch_over(&gate);
            runtime.spawn(async move { faults.stand_still(&freezing).await });
        }
        gate
    }

    /// Stops it softly and waits until it is through.
    pub(crate) async fn drain(mut self, world: &World) {
        world.log.note(&self.faults.name, "drains");
        self.stop.cancel();
        self.running
            .take()
            .unwrap()
            .await
            .expect("a drain ends well");
        world.log.note(&self.faults.name, "is drained");
    }

    /// Stops it softly, and at once.
    pub(crate) async fn drain_in_a_hurry(self, world: &World) {
        self.hurry.cancel();
        self.drain(world).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.faults.kill();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn ports(world: &World, faults: &Arc<Faults>) -> Ports {
    Ports {
        store: Arc::new(FaultyStore {
            inner: Arc::clone(&world.store),
            faults: Arc::clone(faults),
            log: Arc::clone(&world.log),
        }),
        streams: Arc::new(FaultyStreams {
            inner: world.streams.clone(),
            faults: Arc::clone(faults),
            log: Arc::clone(&world.log),
            missing: AtomicUsize::new(0),
            deaf: AtomicBool::new(false),
            reads: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
        }),
        queue: Arc::new(FaultyQueue {
            inner: world.queue.clone(),
            faults: Arc::clone(faults),
        }),
        cancels: Arc::new(world.bus.clone()),
        ids: Arc::clone(&world.ids),
        clock: Arc::new(SystemClock),
        rounds: Arc::new(()),
        ends: Arc::<Ends>::clone(&world.ends),
        metrics: metrics(),
    }
}

fn metrics() -> Arc<ExecutorMetrics> {
    ExecutorMetrics::register(&mut copilot_runtime::metrics::Registry::default(), [])
}

fn engine(world: &World, faults: &Arc<Faults>) -> Arc<Engine> {
    let player = Player {
        book: Arc::clone(&world.book),
        faults: Arc::clone(faults),
        log: Arc::clone(&world.log),
    };
    let retry = RetryPolicy {
        first_pause: Duration::from_millis(2),
        ..RetryPolicy::default()
    };
    Arc::new(Engine::new(EngineParts {
        provider: Arc::new(player),
        registry: Arc::new(Registry::new(tools(&world.effects, faults), &[]).unwrap()),
        prompt: Prompt::new(None).unwrap(),
        config: EngineConfig {
            retry,
            ..EngineConfig::new("player-1")
        },
        ids: Arc::clone(&world.ids),
        jitter: Arc::new(RandomJitter),
        meter: metrics(),
    }))
}
