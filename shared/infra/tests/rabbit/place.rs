//! A prefix on a broker, and what tests do there by hand.

use copilot_core::{
    id::{IdSource, SystemIds},
    port::{
        PortError,
        queue::{Deliveries, TurnQueue},
    },
    turn::TurnKey,
};
use copilot_infra::rabbit::{Rabbit, RabbitConfig, RabbitConnectError, RabbitTls};
use lapin::{Channel, Connection, ConnectionProperties, options::BasicGetOptions};
use std::{env, future::Future, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What only a fault exceeds.
const LIMIT: Duration = Duration::from_mins(1);

/// Names of its own on one broker.
pub(crate) struct Place {
    pub(crate) config: RabbitConfig,
}

impl Place {
    /// On the broker of this test run.
    pub(crate) fn shared() -> Self {
        let url = env::var("COPILOT_TEST_AMQP_URL")
            .expect("COPILOT_TEST_AMQP_URL is not set: run the tests by `./dev test`");
        Self::on(url)
    }

    /// On this broker.
    pub(crate) fn on(url: String) -> Self {
        Self {
            config: RabbitConfig {
                url,
                prefix: format!("t{:016x}", rand::random::<u64>()),
                tls: RabbitTls::default(),
                name: "test".to_owned(),
            },
        }
    }

    pub(crate) async fn try_connect(&self) -> Result<Rabbit, RabbitConnectError> {
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        Rabbit::connect(self.config.clone(), &tasks, &shutdown).await
    }

    pub(crate) async fn connect(&self) -> Rabbit {
        self.try_connect().await.unwrap()
    }

    /// A name below the prefix.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}.{rest}", self.config.prefix)
    }

    /// A channel past the adapter.
    pub(crate) async fn by_hand(&self) -> (Connection, Channel) {
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(&self.config.url, properties)
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    /// Waits for a dead letter, takes it, and gives its text.
    pub(crate) async fn dead_letter(&self, channel: &Channel) -> String {
        let queue = self.name("turns.dead.v1");
        let got = soon("a dead letter", async {
            loop {
                let options = BasicGetOptions { no_ack: true };
                let got = channel.basic_get(queue.as_str().into(), options).await;
                if let Some(message) = got.unwrap() {
                    return message.delivery.data;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        String::from_utf8(got.await).unwrap()
    }
}

/// A turn that no store knows.
pub(crate) fn key() -> TurnKey {
    TurnKey {
        session_id: SystemIds.next().into(),
        turn_id: SystemIds.next().into(),
    }
}

/// What comes within a time that only a fault exceeds.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(LIMIT, future)
        .await
        .unwrap_or_else(|_| panic!("waited {LIMIT:?} for {what}"))
}

/// Publishes until it succeeds.
pub(crate) async fn publish_at_last(queue: &dyn TurnQueue, turn: TurnKey) {
    soon("a publish that succeeds", async {
        while queue.publish(turn.into()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

/// Consumes as an executor does, making the consumer again, until this turn's hint has come; it is
/// acknowledged.
pub(crate) async fn await_hint(queue: &dyn TurnQueue, turn: TurnKey) {
    soon("the hint", async {
        loop {
            let Ok(mut deliveries) = queue.consume(4).await else {
                continue;
            };
            while let Ok(delivery) = deliveries.next().await {
                let found = delivery.hint.turn == turn;
                delivery.receipt.ack().await;
                if found {
                    return;
                }
            }
        }
    })
    .await;
}

/// Waits for this consumer's end.
pub(crate) async fn death(deliveries: &mut dyn Deliveries) -> PortError {
    soon("the consumer's end", async {
        loop {
            if let Err(error) = deliveries.next().await {
                return error;
            }
        }
    })
    .await
}
