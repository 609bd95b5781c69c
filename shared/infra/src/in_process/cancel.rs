//! The cancel bus as a broadcast channel.

use async_trait::async_trait;
use copilot_core::{
    port::{
        PortError,
        cancel::{CancelBus, CancelNotices},
    },
    turn::TurnKey,
};
use tokio::sync::broadcast::{self, error::RecvError};

/// Notices that a listener may be behind; older ones are lost to it, and the heartbeat finds
/// their marks.
const CAPACITY: usize = 1_024;

/// Tells all listeners of this process.
#[derive(Clone, Debug)]
pub struct InProcessCancelBus {
    sender: broadcast::Sender<TurnKey>,
}

impl Default for InProcessCancelBus {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(CAPACITY),
        }
    }
}

#[async_trait]
impl CancelBus for InProcessCancelBus {
    async fn publish(&self, turn: TurnKey) -> Result<(), PortError> {
        // That nobody listens is no failure: the mark is in the database.
        let _listeners = self.sender.send(turn);
        Ok(())
    }

    async fn listen(&self) -> Result<Box<dyn CancelNotices>, PortError> {
        Ok(Box::new(Notices {
            receiver: self.sender.subscribe(),
        }))
    }
}

struct Notices {
    receiver: broadcast::Receiver<TurnKey>,
}

#[async_trait]
impl CancelNotices for Notices {
    async fn next(&mut self) -> Result<TurnKey, PortError> {
        loop {
            match self.receiver.recv().await {
                Ok(turn) => return Ok(turn),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => {
                    return Err(PortError::unavailable("hear cancels", "the bus is gone"));
                }
            }
        }
    }
}
