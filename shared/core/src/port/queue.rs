//! The queue of turns that wait for an executor.

use super::PortError;
use crate::{
    clock::Timestamp,
    id::UserId,
    turn::{Turn, TurnKey},
};
use async_trait::async_trait;

/// A hint that a turn waits.
///
/// **Guarantee**: none that correctness may rest on. A hint may be lost, doubled or late;
/// the database has the turn, and the look finds it. A hint that is published reaches one
/// consumer, fast, as long as nothing fails, and one that was not acknowledged when its
/// consumer went away is delivered again.
#[async_trait]
pub trait TurnQueue: Send + Sync {
    /// Publishes a hint. Returns once the queue holds it.
    async fn publish(&self, hint: Hint) -> Result<(), PortError>;

    /// Starts to consume. At most `prefetch` deliveries are out at a time.
    async fn consume(&self, prefetch: u16) -> Result<Box<dyn Deliveries>, PortError>;
}

/// Says which turn waits, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The turn that waits.
    pub turn: TurnKey,
    /// Whose it is; none if it is anonymous, or if the publisher knew only the turn.
    pub user_id: Option<UserId>,
    /// The W3C trace context of the request that it came from.
    pub traceparent: Option<String>,
}

impl From<TurnKey> for Hint {
    fn from(turn: TurnKey) -> Self {
        Self {
            turn,
            user_id: None,
            traceparent: None,
        }
    }
}

impl From<&Turn> for Hint {
    fn from(turn: &Turn) -> Self {
        Self {
            user_id: turn.user_id.clone(),
            traceparent: turn.request.traceparent.clone().map(String::from),
            ..turn.key().into()
        }
    }
}

/// Hints that arrive. Dropping it stops the consumer; what was not acknowledged goes back.
#[async_trait]
pub trait Deliveries: Send {
    /// The next hint; waits for one. An error means that this consumer is dead.
    async fn next(&mut self) -> Result<Delivery, PortError>;
}

/// A hint, unacknowledged until its receipt is.
pub struct Delivery {
    /// What it says.
    pub hint: Hint,
    /// When the queue was given it.
    pub enqueued_at: Timestamp,
    /// To say that it was dealt with.
    pub receipt: Box<dyn Receipt>,
}

/// Says that a delivery was dealt with. Dropped unused, the hint comes again.
#[async_trait]
pub trait Receipt: Send {
    /// Acknowledges. A failure costs nothing: the hint comes again and is refused.
    async fn ack(self: Box<Self>);
}
