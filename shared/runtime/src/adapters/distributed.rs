//! The adapters of the distributed mode.

use super::{Adapters, DatabaseError, connect_rabbit, connect_redis, open_database, turn_ends};
use crate::{
    metrics::{Registry, RoundMetrics, Unreadable},
    settings::{BackendSettings, Settings},
};
use copilot_core::{clock::SystemClock, id::SystemIds, port::stream::TurnStreams};
use copilot_infra::{db::SqlStore, rabbit::RabbitConnectError, redis_stream::RedisConnectError};
use std::{sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long connections may take to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// A server cannot be used as it is configured. Each line names the setting.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionsError {
    /// `copilot` has neither Redis nor `RabbitMQ`.
    #[error("the embedded mode has no servers")]
    Embedded,
    /// Postgres.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Redis. Its line tells the cause already.
    #[error("{0}")]
    Redis(RedisConnectError),
    /// `RabbitMQ`. Its line tells the cause already.
    #[error("{0}")]
    Rabbit(RabbitConnectError),
}

/// What holds the connections of a process to Redis and `RabbitMQ`. It outlives all that works
/// with them.
pub struct Connections {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Connections {
    /// Closes them; nothing works with them any more.
    pub async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(CLOSE_LIMIT, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("connections not closed in time");
        }
    }
}

impl Adapters {
    /// Queue and cancels on `RabbitMQ`, streams on Redis, over Postgres. Waits for each of them
    /// a bounded time; one that is lost later stops nothing.
    pub async fn distributed(
        settings: &Settings,
        metrics: &mut Registry,
    ) -> Result<(Self, Connections), ConnectionsError> {
        let BackendSettings::Distributed { redis, rabbitmq } = &settings.backend else {
            return Err(ConnectionsError::Embedded);
        };
        let connections = Connections {
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        let Connections { tasks, stop } = &connections;
        let database = open_database(settings.program, &settings.database).await?;
        let streams = connect_redis(redis, settings.stream.ttl, tasks.clone(), stop.clone())
            .await
            .map_err(ConnectionsError::Redis)?;
        let rabbit = connect_rabbit(settings.program, rabbitmq, tasks, stop)
            .await
            .map_err(ConnectionsError::Rabbit)?;
        metrics.register_collector(Box::new(Unreadable(rabbit.clone())));
        let adapters = Self {
            store: Arc::new(SqlStore::new(database)),
            streams: Arc::clone(&streams) as Arc<dyn TurnStreams>,
            queue: rabbit.queue(),
            cancels: rabbit.cancels(),
            ids: Arc::new(SystemIds),
            clock: Arc::new(SystemClock),
            ends: turn_ends(&settings.log, metrics),
            rounds: Arc::new(RoundMetrics::register(metrics)),
            ready_parts: vec![streams, Arc::new(rabbit)],
        };
        Ok((adapters, connections))
    }
}
