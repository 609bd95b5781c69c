//! Hints that arrive from the broker.

use super::{
    link::Away,
    message::read_turn,
    session::Session,
    settler::{Verdict, Verdicts},
};
use async_trait::async_trait;
use copilot_core::port::{
    PortError,
    queue::{Deliveries, Delivery, Receipt},
};
use futures::StreamExt as _;
use lapin::Acker;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio_util::sync::DropGuard;

const DOING: &str = "consume hints";

/// A consumer of the turn queue.
pub(super) struct TurnConsumer {
    pub session: Arc<Session>,
    pub consumer: lapin::Consumer,
    pub verdicts: Verdicts,
    /// Messages that could not be read.
    pub unreadable: Arc<AtomicU64>,
    /// Tells the settler that this was dropped.
    pub _dropped: DropGuard,
}

#[async_trait]
impl Deliveries for TurnConsumer {
    async fn next(&mut self) -> Result<Delivery, PortError> {
        loop {
            let arrived = tokio::select! {
                arrived = self.consumer.next() => arrived,
                () = self.session.ended().cancelled() => {
                    return Err(PortError::unavailable(DOING, Away));
                }
            };
            let delivery = match arrived {
                Some(Ok(delivery)) => delivery,
                Some(Err(error)) => return Err(PortError::unavailable(DOING, error)),
                None => {
                    let reason = "RabbitMQ has ended the consumer";
                    return Err(PortError::unavailable(DOING, reason));
                }
            };
            let mut receipt = HintReceipt {
                acker: delivery.acker.clone(),
                verdicts: self.verdicts.clone(),
                verdict: Verdict::Again,
            };
            match read_turn(&delivery) {
                Ok(message) => {
                    let (hint, enqueued_at) = message.into_parts();
                    return Ok(Delivery {
                        hint,
                        enqueued_at,
                        receipt: Box::new(receipt),
                    });
                }
                Err(error) => {
                    self.unreadable.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%error, "unreadable message goes to the dead letters");
                    receipt.verdict = Verdict::Dead;
                }
            }
        }
    }
}

/// Hands its verdict over when it is dropped.
struct HintReceipt {
    acker: Acker,
    verdicts: Verdicts,
    verdict: Verdict,
}

#[async_trait]
impl Receipt for HintReceipt {
    async fn ack(mut self: Box<Self>) {
        self.verdict = Verdict::Done;
    }
}

impl Drop for HintReceipt {
    fn drop(&mut self) {
        // Refused only when the consumer is gone: then the hint has gone back already.
        self.verdicts
            .try_send((self.acker.clone(), self.verdict))
            .ok();
    }
}
