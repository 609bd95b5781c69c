use super::{Check, Finding};
use crate::{adapters::connect_redis, settings::RedisSettings};
use async_trait::async_trait;
use copilot_infra::redis_stream::ChannelFault;
use std::time::Duration;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Whether Redis answers and lets its user do what streams need.
pub(super) struct Redis {
    pub(super) settings: RedisSettings,
    pub(super) ttl: Duration,
}

#[async_trait]
impl Check for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    async fn run(&self) -> Finding {
        let stop = CancellationToken::new();
        let _stopped = stop.clone().drop_guard();
        let connected = connect_redis(&self.settings, self.ttl, TaskTracker::new(), stop).await;
        let streams = match connected {
            Ok(streams) => streams,
            Err(error) => {
                return Finding::failed(
                    error.to_string(),
                    "look whether the server runs, and at host, user, password and TLS in redis.url",
                );
            }
        };
        match streams.check_channels().await {
            Ok(()) => Finding::ok("answers, and its user may use the channels"),
            Err(fault @ ChannelFault::NotAllowed { .. }) => Finding::warning(
                fault.to_string(),
                "see docs/settings.md, \"Rights of the Redis user\"",
            ),
            Err(fault) => Finding::failed(fault.to_string(), "look at that server"),
        }
    }
}
