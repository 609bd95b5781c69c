//! Keeps one connection: dials again whenever it ends.

use super::{dial::Dialer, error::RabbitConnectError, session::Session, topology::Topology};
use rand::RngExt as _;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// How long the first connection may take, with a broker that is just starting.
const START_LIMIT: Duration = Duration::from_secs(15);
/// First and longest pause before the next dial.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Owns the connection of this process.
pub(super) struct Supervisor {
    pub dialer: Dialer,
    pub prefix: String,
    pub topology: Arc<Topology>,
    pub present: watch::Sender<Option<Arc<Session>>>,
    pub stop: CancellationToken,
}

impl Supervisor {
    /// The first connection. Waits a while for a broker that is away; what waiting cannot mend
    /// is told at once.
    pub(super) async fn start(&self) -> Result<(), RabbitConnectError> {
        let until = Instant::now() + START_LIMIT;
        let mut backoff = Backoff::default();
        loop {
            match self.open().await {
                Ok(session) => {
                    self.present.send_replace(Some(Arc::new(session)));
                    return Ok(());
                }
                Err(error) if error.may_pass() && Instant::now() < until => {
                    tracing::debug!(%error, "no RabbitMQ yet");
                }
                Err(error) => return Err(error),
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// Holds the connection until it is told to stop.
    pub(super) async fn run(self) {
        while let Some(session) = self.take().await {
            let is_stopped = self
                .stop
                .run_until_cancelled(session.watch())
                .await
                .is_none();
            self.present.send_replace(None);
            if is_stopped {
                session.close().await;
            }
            session.ended().cancel();
            if is_stopped {
                return;
            }
            tracing::warn!("connection to RabbitMQ lost, dialling again");
        }
    }

    /// The present connection, else the next one; none when told to stop.
    async fn take(&self) -> Option<Arc<Session>> {
        let present = self.present.borrow().clone();
        if present.is_some() {
            return present;
        }
        let session = self.stop.run_until_cancelled(self.reopen()).await?;
        self.present.send_replace(Some(Arc::clone(&session)));
        tracing::info!("connected to RabbitMQ again");
        Some(session)
    }

    async fn reopen(&self) -> Arc<Session> {
        let mut backoff = Backoff::default();
        loop {
            tokio::time::sleep(backoff.next()).await;
            match self.open().await {
                Ok(session) => return Arc::new(session),
                Err(error) => tracing::warn!(%error, "no connection to RabbitMQ"),
            }
        }
    }

    async fn open(&self) -> Result<Session, RabbitConnectError> {
        Session::open(&self.dialer, &self.prefix, &self.topology).await
    }
}

/// Pauses that double up to a cap, with jitter.
struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(PAUSE.0)
    }
}

impl Backoff {
    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(PAUSE.1);
        pause.mul_f64(rand::rng().random_range(0.5..1.5))
    }
}
