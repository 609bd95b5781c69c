//! Whether requests should come here: asks each part, writes nothing.

use crate::{
    id::TurnId,
    port::{PortError, ready::ReadyPart, store::Store},
};
use async_trait::async_trait;
use futures::future::join_all;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a part may take to answer.
const LIMIT: Duration = Duration::from_secs(2);
/// How long an answer stands.
const FRESH: Duration = Duration::from_millis(500);

/// What `/readyz` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// All parts answer.
    Yes,
    /// The server is about to stop.
    Stopping,
    /// These parts fail.
    Failing(Vec<&'static str>),
}

/// Asks all parts.
pub struct Readiness {
    parts: Vec<Arc<dyn ReadyPart>>,
    stopping: CancellationToken,
    last: Mutex<Option<(Instant, Vec<&'static str>)>>,
}

impl Readiness {
    /// Over the database and `others`; fails for good once `stopping` is cancelled.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        others: Vec<Arc<dyn ReadyPart>>,
        stopping: CancellationToken,
    ) -> Self {
        let database: Arc<dyn ReadyPart> = Arc::new(Database(store));
        let parts = std::iter::once(database).chain(others).collect();
        Self::of(parts, stopping)
    }

    /// Over these parts alone.
    #[must_use]
    pub fn of(parts: Vec<Arc<dyn ReadyPart>>, stopping: CancellationToken) -> Self {
        Self {
            parts,
            stopping,
            last: Mutex::new(None),
        }
    }

    /// Whether requests should come here.
    pub async fn ready(&self) -> Ready {
        if self.stopping.is_cancelled() {
            return Ready::Stopping;
        }
        let failing = self.failing().await;
        if failing.is_empty() {
            Ready::Yes
        } else {
            Ready::Failing(failing)
        }
    }

    async fn failing(&self) -> Vec<&'static str> {
        let mut last = self.last.lock().await;
        if let Some((at, failing)) = last.as_ref()
            && at.elapsed() < FRESH
        {
            return failing.clone();
        }
        let asked = join_all(self.parts.iter().map(|part| fails(part.as_ref()))).await;
        let failing: Vec<_> = asked.into_iter().flatten().collect();
        *last = Some((Instant::now(), failing.clone()));
        failing
    }
}

async fn fails(part: &dyn ReadyPart) -> Option<&'static str> {
    match tokio::time::timeout(LIMIT, part.check()).await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => {
            tracing::warn!(part = part.name(), %error, source = %error.source, "not ready");
        }
        Err(_) => tracing::warn!(part = part.name(), "not ready: no answer"),
    }
    Some(part.name())
}

struct Database(Arc<dyn Store>);

#[async_trait]
impl ReadyPart for Database {
    fn name(&self) -> &'static str {
        "database"
    }

    async fn check(&self) -> Result<(), PortError> {
        self.0
            .states(&[TurnId::from(Uuid::nil())])
            .await
            .map(|_| ())
    }
}
