//! The cancel bus over the broker: each listener has a queue of its own on a fanout exchange.

use super::{
    link::{Away, Link},
    message::{cancel_properties, read_cancel},
    publisher::Publisher,
    session::{ANSWER_LIMIT, Outgoing, Session},
    topology::Topology,
};
use async_trait::async_trait;
use copilot_core::{
    id::{IdSource, SystemIds},
    port::{
        PortError,
        cancel::{CancelBus, CancelNotices},
    },
    turn::TurnKey,
};
use futures::StreamExt as _;
use lapin::{
    Acker, Channel, Consumer,
    options::{BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions},
    types::FieldTable,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

const DOING: &str = "hear cancels";

/// Notices fetched and not yet taken; the others wait in the broker, which bounds them.
const PREFETCH: u16 = 1_000;
/// How often a listener binds its queue again: nobody tells it that the exchange was deleted.
const REBIND: Duration = Duration::from_secs(5);

/// Cancels on `<prefix>.cancel`.
pub(super) struct RabbitCancelBus {
    pub link: Link,
    pub publisher: Arc<Publisher>,
    pub topology: Arc<Topology>,
    pub unreadable: Arc<AtomicU64>,
}

#[async_trait]
impl CancelBus for RabbitCancelBus {
    async fn publish(&self, turn: TurnKey) -> Result<(), PortError> {
        let doing = "publish a cancel";
        let outgoing = Outgoing {
            exchange: self.topology.cancel.clone(),
            routing_key: "",
            payload: serde_json::to_vec(&turn).map_err(|error| PortError::broken(doing, error))?,
            properties: cancel_properties(),
            options: BasicPublishOptions::default(),
        };
        self.publisher.publish(doing, &outgoing).await
    }

    async fn listen(&self) -> Result<Box<dyn CancelNotices>, PortError> {
        let doing = "begin to hear cancels";
        let session = self.link.soon(doing).await?;
        let queue = format!("{}.{}", self.topology.cancel, SystemIds.next());
        let (channel, consumer) = timeout(ANSWER_LIMIT, self.begin(&session, &queue))
            .await
            .map_err(|elapsed| PortError::unavailable(doing, elapsed))?
            .map_err(|error| PortError::unavailable(doing, error))?;
        let mut rebind = interval_at(Instant::now() + REBIND, REBIND);
        rebind.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Box::new(Listener {
            session,
            channel,
            consumer,
            queue,
            rebind,
            topology: Arc::clone(&self.topology),
            unreadable: Arc::clone(&self.unreadable),
            taken: None,
        }))
    }
}

impl RabbitCancelBus {
    async fn begin(&self, session: &Session, queue: &str) -> lapin::Result<(Channel, Consumer)> {
        let channel = session.channel().await?;
        self.topology.declare_listener(&channel, queue).await?;
        channel
            .basic_qos(PREFETCH, BasicQosOptions::default())
            .await?;
        let consumer = channel
            .basic_consume(
                queue.into(),
                "".into(),
                BasicConsumeOptions {
                    exclusive: true,
                    ..BasicConsumeOptions::default()
                },
                FieldTable::default(),
            )
            .await?;
        Ok((channel, consumer))
    }
}

struct Listener {
    session: Arc<Session>,
    channel: Channel,
    consumer: Consumer,
    queue: String,
    rebind: Interval,
    topology: Arc<Topology>,
    unreadable: Arc<AtomicU64>,
    /// The last notice, acknowledged when the next one is asked for: between taking a notice and
    /// handing it out nothing may wait, or an abandoned wait would lose it.
    taken: Option<Acker>,
}

#[async_trait]
impl CancelNotices for Listener {
    async fn next(&mut self) -> Result<TurnKey, PortError> {
        loop {
            self.acknowledge().await?;
            let arrived = tokio::select! {
                biased;
                () = self.session.ended().cancelled() => {
                    return Err(PortError::unavailable(DOING, Away));
                }
                _ = self.rebind.tick() => {
                    self.bind_again().await?;
                    continue;
                }
                arrived = self.consumer.next() => arrived,
            };
            let delivery = match arrived {
                Some(Ok(delivery)) => delivery,
                Some(Err(error)) => return Err(PortError::unavailable(DOING, error)),
                None => {
                    let reason = "RabbitMQ has ended the listener";
                    return Err(PortError::unavailable(DOING, reason));
                }
            };
            self.taken = Some(delivery.acker.clone());
            match read_cancel(&delivery) {
                Ok(turn) => return Ok(turn),
                Err(error) => {
                    self.unreadable.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%error, "unreadable cancel dropped");
                }
            }
        }
    }
}

impl Listener {
    async fn acknowledge(&mut self) -> Result<(), PortError> {
        if let Some(acker) = &self.taken {
            within(acker.ack(BasicAckOptions::default())).await?;
            self.taken = None;
        }
        Ok(())
    }

    async fn bind_again(&self) -> Result<(), PortError> {
        within(self.topology.bind_listener(&self.channel, &self.queue)).await
    }
}

async fn within<T>(asking: impl Future<Output = lapin::Result<T>>) -> Result<T, PortError> {
    timeout(ANSWER_LIMIT, asking)
        .await
        .map_err(|elapsed| PortError::unavailable(DOING, elapsed))?
        .map_err(|error| PortError::unavailable(DOING, error))
}
