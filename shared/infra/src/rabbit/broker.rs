//! The connection of this process to `RabbitMQ`, and what stands on it.

use super::{
    cancel::RabbitCancelBus, config::RabbitConfig, dial::Dialer, error::RabbitConnectError,
    link::Link, publisher::Publisher, queue::RabbitQueue, session::ANSWER_LIMIT,
    supervisor::Supervisor, topology::Topology,
};
use async_trait::async_trait;
use copilot_core::port::{PortError, cancel::CancelBus, queue::TurnQueue, ready::ReadyPart};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a connection may take to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// A connection that is made again whenever it ends.
#[derive(Clone)]
pub struct Rabbit {
    link: Link,
    queue: Arc<RabbitQueue>,
    cancels: Arc<RabbitCancelBus>,
    unreadable: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Rabbit {
    /// Connects and declares what is needed; waits a while for a broker that is away. The tasks
    /// that hold the connection run on `tasks` until `shutdown` or [`Self::close`]. A loss later
    /// on is no failure of this process.
    pub async fn connect(
        config: RabbitConfig,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Result<Self, RabbitConnectError> {
        let topology = Arc::new(Topology::new(&config.prefix));
        let (present, watched) = watch::channel(None);
        let stop = shutdown.child_token();
        let supervisor = Supervisor {
            dialer: Dialer::new(&config)?,
            prefix: config.prefix,
            topology: Arc::clone(&topology),
            present,
            stop: stop.clone(),
        };
        supervisor.start().await?;
        tasks.spawn(supervisor.run());
        let link = Link(watched);
        let publisher = Arc::new(Publisher::new(link.clone()));
        let unreadable = Arc::<AtomicU64>::default();
        let queue = Arc::new(RabbitQueue {
            link: link.clone(),
            publisher: Arc::clone(&publisher),
            topology: Arc::clone(&topology),
            unreadable: Arc::clone(&unreadable),
            tasks: tasks.clone(),
        });
        let cancels = Arc::new(RabbitCancelBus {
            link: link.clone(),
            publisher,
            topology,
            unreadable: Arc::clone(&unreadable),
        });
        Ok(Self {
            link,
            queue,
            cancels,
            unreadable,
            stop,
        })
    }

    /// The turn queue.
    #[must_use]
    pub fn queue(&self) -> Arc<dyn TurnQueue> {
        Arc::<RabbitQueue>::clone(&self.queue)
    }

    /// The cancel bus.
    #[must_use]
    pub fn cancels(&self) -> Arc<dyn CancelBus> {
        Arc::<RabbitCancelBus>::clone(&self.cancels)
    }

    /// Messages that could not be read so far.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    /// Whether the broker is there, answers and takes messages.
    pub async fn check(&self) -> Result<(), PortError> {
        let doing = "ask RabbitMQ";
        let unavailable = |reason: &'static str| PortError::unavailable(doing, reason);
        let session = self
            .link
            .now()
            .map_err(|away| PortError::unavailable(doing, away))?;
        if session.is_blocked() {
            return Err(unavailable("RabbitMQ takes no messages at present"));
        }
        match timeout(ANSWER_LIMIT, session.probe()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(PortError::unavailable(doing, error)),
            Err(_) => Err(unavailable("RabbitMQ does not answer")),
        }
    }

    /// Closes the connection for good; consumers and listeners end.
    pub async fn close(&self) {
        self.stop.cancel();
        let mut present = self.link.0.clone();
        // The sender goes with the supervisor.
        let gone = async { while present.changed().await.is_ok() {} };
        if timeout(CLOSE_LIMIT, gone).await.is_err() {
            tracing::warn!("connection to RabbitMQ not closed in time");
        }
    }
}

#[async_trait]
impl ReadyPart for Rabbit {
    fn name(&self) -> &'static str {
        "rabbitmq"
    }

    async fn check(&self) -> Result<(), PortError> {
        Self::check(self).await
    }
}
