//! The real queue, as one process reaches it: hints that it publishes may be lost.

use crate::faults::{Faults, What, When};
use async_trait::async_trait;
use copilot_core::port::{
    PortError,
    queue::{Deliveries, Hint, TurnQueue},
};
use copilot_infra::in_process::InProcessQueue;
use std::sync::Arc;

pub(crate) struct FaultyQueue {
    pub(crate) inner: InProcessQueue,
    pub(crate) faults: Arc<Faults>,
}

#[async_trait]
impl TurnQueue for FaultyQueue {
    async fn publish(&self, hint: Hint) -> Result<(), PortError> {
        self.faults.pass(What::Hint, When::Before).await?;
        if self.faults.hints_lost() {
            return Ok(());
        }
        self.inner.publish(hint).await?;
        self.faults.pass(What::Hint, When::After).await
    }

    async fn consume(&self, prefetch: u16) -> Result<Box<dyn Deliveries>, PortError> {
        self.inner.consume(prefetch).await
    }
}
