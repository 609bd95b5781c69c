//! Publishing within limits of time and number.

use super::{
    link::{Away, Link},
    session::Outgoing,
};
use copilot_core::port::PortError;
use std::time::Duration;
use tokio::sync::Semaphore;

/// From the call to the broker's confirmation.
const LIMIT: Duration = Duration::from_secs(3);
/// Publishes under way at a time; further ones wait, within their limit.
const IN_FLIGHT: usize = 256;

/// Why a message was not published.
#[derive(Debug, thiserror::Error)]
pub(super) enum PublishError {
    #[error(transparent)]
    Away(#[from] Away),
    #[error("RabbitMQ takes no messages at present")]
    Blocked,
    #[error("RabbitMQ refused the message")]
    Refused,
    #[error("no queue takes the message")]
    Unroutable,
    #[error("too many messages under way")]
    Closed(#[from] tokio::sync::AcquireError),
    #[error(transparent)]
    Client(#[from] lapin::Error),
}

impl PublishError {
    /// Whether a fresh channel, with everything declared anew, may help.
    fn is_mended_by_declaring(&self) -> bool {
        matches!(self, Self::Unroutable | Self::Client(_))
    }
}

/// Publishes on the present connection.
pub(super) struct Publisher {
    link: Link,
    slots: Semaphore,
}

impl Publisher {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            slots: Semaphore::new(IN_FLIGHT),
        }
    }

    /// Returns once the broker has the message, or in time without success.
    pub(super) async fn publish(
        &self,
        doing: &'static str,
        message: &Outgoing,
    ) -> Result<(), PortError> {
        match tokio::time::timeout(LIMIT, self.try_twice(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(PortError::unavailable(doing, error)),
            Err(elapsed) => Err(PortError::unavailable(doing, elapsed)),
        }
    }

    /// The second time after an exchange or a queue was deleted.
    async fn try_twice(&self, message: &Outgoing) -> Result<(), PublishError> {
        let _slot = self.slots.acquire().await?;
        match self.link.now()?.publish(message).await {
            Err(error) if error.is_mended_by_declaring() => self.link.now()?.publish(message).await,
            done => done,
        }
    }
}
