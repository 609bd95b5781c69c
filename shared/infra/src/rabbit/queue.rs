//! The turn queue over the broker.

use super::{
    consumer::TurnConsumer,
    link::Link,
    message::{TurnMessage, turn_properties},
    publisher::Publisher,
    session::{ANSWER_LIMIT, Outgoing, Session},
    settler::Settler,
    topology::{RUN, Topology},
};
use async_trait::async_trait;
use copilot_core::{
    clock::{Clock, SystemClock},
    port::{
        PortError,
        queue::{Deliveries, Hint, TurnQueue},
    },
};
use lapin::{
    Channel, Consumer,
    options::{BasicConsumeOptions, BasicPublishOptions, BasicQosOptions},
    types::FieldTable,
};
use std::sync::{Arc, atomic::AtomicU64};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Hints on `<prefix>.turns.v1`.
pub(super) struct RabbitQueue {
    pub link: Link,
    pub publisher: Arc<Publisher>,
    pub topology: Arc<Topology>,
    pub unreadable: Arc<AtomicU64>,
    pub tasks: TaskTracker,
}

#[async_trait]
impl TurnQueue for RabbitQueue {
    async fn publish(&self, hint: Hint) -> Result<(), PortError> {
        let doing = "publish a hint";
        let message = TurnMessage::new(hint, SystemClock.now());
        let outgoing = Outgoing {
            exchange: self.topology.turns.clone(),
            routing_key: RUN,
            payload: serde_json::to_vec(&message)
                .map_err(|error| PortError::broken(doing, error))?,
            properties: turn_properties(),
            options: BasicPublishOptions {
                mandatory: true,
                ..BasicPublishOptions::default()
            },
        };
        self.publisher.publish(doing, &outgoing).await
    }

    async fn consume(&self, prefetch: u16) -> Result<Box<dyn Deliveries>, PortError> {
        let doing = "begin to consume hints";
        let session = self.link.soon(doing).await?;
        // For the broker 0 is no limit.
        let prefetch = prefetch.max(1);
        let beginning = self.begin(&session, prefetch);
        let (channel, consumer) = tokio::time::timeout(ANSWER_LIMIT, beginning)
            .await
            .map_err(|elapsed| PortError::unavailable(doing, elapsed))?
            .map_err(|error| PortError::unavailable(doing, error))?;
        // A verdict that is being told makes room for one more delivery.
        let (sender, verdicts) = mpsc::channel(usize::from(prefetch) + 1);
        let dropped = CancellationToken::new();
        let settler = Settler {
            session: Arc::clone(&session),
            channel,
            verdicts,
            dropped: dropped.clone(),
        };
        self.tasks.spawn(settler.run());
        Ok(Box::new(TurnConsumer {
            session,
            consumer,
            verdicts: sender,
            unreadable: Arc::clone(&self.unreadable),
            _dropped: dropped.drop_guard(),
        }))
    }
}

impl RabbitQueue {
    async fn begin(&self, session: &Session, prefetch: u16) -> lapin::Result<(Channel, Consumer)> {
        let channel = session.channel().await?;
        channel
            .basic_qos(prefetch, BasicQosOptions::default())
            .await?;
        let consumer = channel
            .basic_consume(
                self.topology.turns_queue.as_str().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok((channel, consumer))
    }
}
