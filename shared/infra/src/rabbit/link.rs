//! The present connection, as those see it who use it.

use super::session::Session;
use copilot_core::port::PortError;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How long a consumer waits for a connection.
const WAIT: Duration = Duration::from_secs(30);

/// Knows the present connection, if there is one.
#[derive(Clone)]
pub(super) struct Link(pub(super) watch::Receiver<Option<Arc<Session>>>);

/// There is no connection.
#[derive(Debug, thiserror::Error)]
#[error("RabbitMQ is away")]
pub(super) struct Away;

impl Link {
    /// The connection of this moment.
    pub(super) fn now(&self) -> Result<Arc<Session>, Away> {
        let present = self.0.borrow().clone();
        present.filter(|session| session.is_connected()).ok_or(Away)
    }

    /// The connection of this moment, else the next one if it comes soon.
    pub(super) async fn soon(&self, doing: &'static str) -> Result<Arc<Session>, PortError> {
        let mut present = self.0.clone();
        let waiting = present.wait_for(Option::is_some);
        match tokio::time::timeout(WAIT, waiting).await {
            Ok(Ok(session)) => session
                .clone()
                .ok_or_else(|| PortError::unavailable(doing, Away)),
            Ok(Err(_)) | Err(_) => Err(PortError::unavailable(doing, Away)),
        }
    }
}
