//! Servers of this run alone, so that what they use is known to be used for what is measured.

use copilot_harness::{
    Copilot, postgres_server::PostgresServer, rabbit_server::RabbitServer,
    redis_server::RedisServer, servers::Servers as Named,
};

pub(super) struct Servers {
    pub(super) postgres: PostgresServer,
    pub(super) rabbit: RabbitServer,
    pub(super) redis: RedisServer,
}

impl Servers {
    pub(super) async fn start() -> Self {
        Self {
            postgres: PostgresServer::start().await,
            rabbit: RabbitServer::start().await,
            redis: RedisServer::start().await,
        }
    }

    /// One api and one executor on them, asking this model; not started yet.
    pub(super) fn copilot(&self, model: &str) -> Copilot {
        let copilot = Copilot::on(Named {
            postgres: Some(self.postgres.url()),
            redis: Some(self.redis.url()),
            amqp: Some(self.rabbit.url()),
        });
        as_operated(copilot.upstream(model))
            // The product's own; the harness has shorter ones.
            .env("COPILOT__EXECUTOR__HEARTBEAT_SECONDS", "2")
            .env("COPILOT__EXECUTOR__LEASE_SECONDS", "8")
            .without_env("COPILOT__DATABASE__MAX_CONNECTIONS")
    }
}

/// All turns are of one user, so the limits for a user must not be what is measured.
pub(super) fn as_operated(copilot: Copilot) -> Copilot {
    copilot
        .env("COPILOT__TURN__MAX_RUNNING_PER_USER", "1000")
        .env("COPILOT__TURN__MAX_IN_FLIGHT_PER_USER", "1000")
}
