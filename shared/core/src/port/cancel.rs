//! The bus that carries cancels to every executor.

use super::PortError;
use crate::turn::TurnKey;
use async_trait::async_trait;

/// Tells all executors that a turn was cancelled.
///
/// **Guarantee**: none that correctness may rest on: the mark is committed in the database
/// before it is published, and heartbeat and look find marks that no message brought. A
/// notice that is published reaches *every* listener, each by a queue of its own.
#[async_trait]
pub trait CancelBus: Send + Sync {
    /// Tells all listeners.
    async fn publish(&self, turn: TurnKey) -> Result<(), PortError>;

    /// Starts to listen. Notices published after this returned are heard.
    async fn listen(&self) -> Result<Box<dyn CancelNotices>, PortError>;
}

/// Notices that arrive.
#[async_trait]
pub trait CancelNotices: Send {
    /// The next turn to stop; waits for one. An error means that this listener is dead.
    async fn next(&mut self) -> Result<TurnKey, PortError>;
}
