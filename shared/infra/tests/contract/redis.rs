//! Streams on Redis: the servers for the suite, and what only Redis can do wrong.
//!
//! The suite runs on the servers that `COPILOT_TEST_REDIS_URL` and
//! `COPILOT_TEST_REDIS_CLUSTER_URL` name, each test under a prefix of its own. Tests that break
//! a server start their own.

mod cluster;
mod faults;
mod figures;
mod readers;
mod rights;
mod storage;
mod tls;

use copilot_core::id::{IdSource, SystemIds};
use copilot_harness::{
    redis_server::RedisServer,
    servers::{REDIS_CLUSTER_VARIABLE, REDIS_VARIABLE, of_run},
};
use copilot_infra::redis_stream::{RedisConfig, RedisNodes, RedisStreams, RedisTls};
use std::{ops::Deref, sync::Arc, time::Duration};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

/// Streams whose tasks end with them.
pub(crate) struct Connected {
    streams: Arc<RedisStreams>,
    pub(crate) prefix: String,
    _stop: DropGuard,
}

impl Deref for Connected {
    type Target = RedisStreams;

    fn deref(&self) -> &RedisStreams {
        &self.streams
    }
}

/// On the node of this run.
pub(crate) async fn on_node() -> Connected {
    connected(config(RedisNodes::One(of_run(REDIS_VARIABLE)))).await
}

/// On the cluster of this run.
pub(crate) async fn on_cluster() -> Connected {
    connected(config(cluster_nodes(&of_run(REDIS_CLUSTER_VARIABLE)))).await
}

/// On a server of the test's own.
pub(crate) async fn on(server: &RedisServer) -> Connected {
    connected(config(RedisNodes::One(server.url()))).await
}

pub(crate) fn cluster_nodes(url: &str) -> RedisNodes {
    let hosts = url.strip_prefix("redis+cluster://").expect("a cluster");
    RedisNodes::Cluster(
        hosts
            .split(',')
            .map(|host| format!("redis://{host}"))
            .collect(),
    )
}

pub(crate) fn config(nodes: RedisNodes) -> RedisConfig {
    RedisConfig {
        nodes,
        prefix: format!("t{}", SystemIds.next().simple()),
        ttl: Duration::from_mins(10),
        tls: RedisTls::default(),
    }
}

pub(crate) async fn connected(config: RedisConfig) -> Connected {
    let stop = CancellationToken::new();
    let prefix = config.prefix.clone();
    let streams = RedisStreams::connect(config, TaskTracker::new(), stop.clone())
        .await
        .unwrap();
    Connected {
        streams,
        prefix,
        _stop: stop.drop_guard(),
    }
}

/// Asks again until it holds; the deadline says what was waited for.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited 20 s for {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
