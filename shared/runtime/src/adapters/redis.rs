//! Connecting to Redis.

use crate::{
    crypto,
    settings::{RedisSettings, RedisUrl, SecretUrl},
};
use copilot_infra::redis_stream::{
    RedisClientCertificate, RedisConfig, RedisConnectError, RedisNodes, RedisStreams, RedisTls,
};
use std::{sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connects to the Redis of the settings. An ended stream lives for `ttl`.
pub async fn connect_redis(
    settings: &RedisSettings,
    ttl: Duration,
    tasks: TaskTracker,
    stop: CancellationToken,
) -> Result<Arc<RedisStreams>, RedisConnectError> {
    crypto::install();
    RedisStreams::connect(config(settings, ttl), tasks, stop).await
}

fn config(settings: &RedisSettings, ttl: Duration) -> RedisConfig {
    let url = |url: &SecretUrl| url.expose().to_owned();
    let client = settings.tls.client.as_ref();
    RedisConfig {
        nodes: match &settings.url {
            RedisUrl::Node(node) => RedisNodes::One(url(node)),
            RedisUrl::Cluster(nodes) => RedisNodes::Cluster(nodes.iter().map(url).collect()),
        },
        prefix: settings.prefix.clone(),
        ttl,
        tls: RedisTls {
            ca_file: settings.tls.ca_file.clone(),
            client: client.map(|client| RedisClientCertificate {
                cert_file: client.cert_file.clone(),
                key_file: client.key_file.clone(),
            }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{BackendSettings, Program, Settings, Sources};

    /// What an operator is told who sets `redis.url` so.
    async fn refusal(url: &str) -> String {
        let variables = [
            ("COPILOT__REDIS__URL", url),
            ("COPILOT__RABBITMQ__URL", "amqp://127.0.0.1"),
            ("COPILOT__DATABASE__URL", "postgres://127.0.0.1/copilot"),
            ("COPILOT__AUTH__MODE", "local"),
        ];
        let sources = Sources::new("/", None, variables);
        let settings = Settings::load(Program::Executor, &sources).unwrap();
        let BackendSettings::Distributed { redis, .. } = settings.backend else {
            unreachable!("an executor is distributed")
        };
        let stop = CancellationToken::new();
        let minute = Duration::from_mins(1);
        let connected = connect_redis(&redis, minute, TaskTracker::new(), stop).await;
        connected.err().unwrap().to_string()
    }

    #[tokio::test]
    async fn each_kind_of_address_is_tried_and_named() {
        for scheme in ["redis", "rediss", "redis+cluster", "rediss+cluster"] {
            let told = refusal(&format!("{scheme}://app:hunter2@127.0.0.1:1")).await;
            let named = "redis.url: no connection to 127.0.0.1:1: ";
            assert!(told.starts_with(named), "{scheme}: {told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}
