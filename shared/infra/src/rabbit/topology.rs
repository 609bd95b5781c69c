//! Exchanges and queues: their names and how they are declared.
//!
//! Names carry a version: a declaration that must change gets the next one.

use lapin::{
    Channel, ExchangeKind, Result,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

/// The routing key of a hint.
pub(super) const RUN: &str = "run";

/// Deliveries of one hint; one that comes back more often is nobody's to run.
const DELIVERY_LIMIT: i64 = 20;
/// Beyond it a publish is refused; the look finds the turn.
const HINTS: i64 = 100_000;
/// Dead letters kept; older ones go.
const DEAD_LETTERS: i64 = 10_000;
/// Notices that a listener may be behind; older ones go, and the heartbeat finds their marks.
const NOTICES: i64 = 10_000;
/// A claimed turn's hint stays out until the turn's end; the broker's own limit is 30 minutes.
const CONSUMER_TIMEOUT_MS: i64 = 7 * 24 * 3600 * 1000;

/// The names below one prefix.
#[derive(Clone)]
pub(super) struct Topology {
    /// Exchange of hints.
    pub turns: String,
    /// Queue of hints.
    pub turns_queue: String,
    /// Queue of hints that nobody can read or run.
    pub dead_letters: String,
    /// Exchange of cancels.
    pub cancel: String,
}

impl Topology {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            turns: format!("{prefix}.turns"),
            turns_queue: format!("{prefix}.turns.v1"),
            dead_letters: format!("{prefix}.turns.dead.v1"),
            cancel: format!("{prefix}.cancel"),
        }
    }

    /// Declares all that is shared; what is there already stays as it is.
    pub(super) async fn declare(&self, channel: &Channel) -> Result<()> {
        exchange(channel, &self.turns, ExchangeKind::Direct).await?;
        exchange(channel, &self.cancel, ExchangeKind::Fanout).await?;
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let dead_letters = [
            ("x-queue-type", text("quorum")),
            ("x-max-length", number(DEAD_LETTERS)),
        ];
        channel
            .queue_declare(
                self.dead_letters.as_str().into(),
                durable,
                table(dead_letters),
            )
            .await?;
        let hints = [
            ("x-queue-type", text("quorum")),
            ("x-delivery-limit", number(DELIVERY_LIMIT)),
            ("x-max-length", number(HINTS)),
            ("x-overflow", text("reject-publish")),
            // By the exchange without a name, which leads to the queue of that name.
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text(&self.dead_letters)),
            ("x-consumer-timeout", number(CONSUMER_TIMEOUT_MS)),
        ];
        channel
            .queue_declare(self.turns_queue.as_str().into(), durable, table(hints))
            .await?;
        bind(channel, &self.turns_queue, &self.turns, RUN).await
    }

    /// Declares a listener's own queue, which goes with its connection.
    pub(super) async fn declare_listener(&self, channel: &Channel, queue: &str) -> Result<()> {
        let own = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let bounds = table([("x-max-length", number(NOTICES))]);
        channel.queue_declare(queue.into(), own, bounds).await?;
        self.bind_listener(channel, queue).await
    }

    /// Binds a listener's queue, also to an exchange that was deleted meanwhile.
    pub(super) async fn bind_listener(&self, channel: &Channel, queue: &str) -> Result<()> {
        exchange(channel, &self.cancel, ExchangeKind::Fanout).await?;
        bind(channel, queue, &self.cancel, "").await
    }
}

async fn exchange(channel: &Channel, name: &str, kind: ExchangeKind) -> Result<()> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(name.into(), kind, durable, FieldTable::default())
        .await
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<()> {
    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
}

fn table<const N: usize>(arguments: [(&'static str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert(name.into(), value);
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn number(value: i64) -> AMQPValue {
    AMQPValue::LongLongInt(value)
}
