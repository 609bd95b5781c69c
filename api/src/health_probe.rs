//! Whether the data layer works: really asked, at most once a second, however many ask us.

use copilot_core::port::store::Store;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// How long an answer stands.
const FRESH: Duration = Duration::from_secs(1);
/// How long a probe may take.
const LIMIT: Duration = Duration::from_secs(5);

/// What the last probe said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It wrote and read.
    Good,
    /// It did not.
    Bad,
}

/// Probes the store.
pub(crate) struct HealthProbe {
    store: Arc<dyn Store>,
    /// The lock is held while a probe runs, so that all who ask meanwhile share it.
    last: Mutex<Option<(Instant, Health)>>,
}

impl HealthProbe {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            last: Mutex::new(None),
        }
    }

    /// The health, not older than a second.
    pub(crate) async fn health(&self) -> Health {
        let mut last = self.last.lock().await;
        if let Some((at, health)) = *last
            && at.elapsed() < FRESH
        {
            return health;
        }
        let health = self.probe().await;
        *last = Some((Instant::now(), health));
        health
    }

    async fn probe(&self) -> Health {
        match tokio::time::timeout(LIMIT, self.store.probe()).await {
            Ok(Ok(())) => Health::Good,
            Ok(Err(error)) => {
                tracing::warn!(%error, source = %error.source, "health probe failed");
                Health::Bad
            }
            Err(_) => {
                tracing::warn!("health probe took too long");
                Health::Bad
            }
        }
    }
}
