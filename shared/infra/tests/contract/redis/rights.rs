//! Users, passwords and rights.

use super::{config, connected, eventually, faults::stream_of};
use crate::{
    streams::{append, begun, follow_until, positions},
    world::{entry, nothing, soon},
};
use copilot_core::{
    event::Event,
    port::{
        ready::ReadyPart,
        stream::{Live, TurnStreams},
    },
    position::Position,
};
use copilot_harness::redis_server::RedisServer;
use copilot_infra::redis_stream::{ChannelFault, RedisNodes, RedisStreams};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

fn url(server: &RedisServer, user: &str) -> RedisNodes {
    RedisNodes::One(format!("redis://{user}@{}/0", server.address()))
}

#[tokio::test]
async fn without_channel_rights_entries_are_stored_and_not_shown_until_they_are_given() {
    let server = RedisServer::start().await;
    server.run(&[
        "ACL",
        "SETUSER",
        "app",
        "on",
        ">secret",
        "~*",
        "resetchannels",
        "+@all",
    ]);
    let config = config(url(&server, "app:secret"));
    let prefix = config.prefix.clone();
    let streams = connected(config).await;
    let fault = streams.check_channels().await.unwrap_err();
    assert!(matches!(fault, ChannelFault::NotAllowed { .. }), "{fault}");
    assert!(fault.to_string().contains(&format!("&{prefix}:*")));

    let turn = begun(&*streams).await;
    let mut feed = streams.follow(turn).await.unwrap();
    streams
        .append(turn, append(1, Position::new(1, 2), [entry(1, 3)]))
        .await
        .unwrap();
    streams
        .publish(turn, Event::status("queued"))
        .await
        .unwrap();
    nothing("nothing can be shown", feed.next()).await;
    assert_eq!(positions(&*streams, turn).await.len(), 3);
    let status = streams.status(turn).await.unwrap().unwrap();
    assert_eq!(status.position, Position::new(1, 3));

    server.run(&["ACL", "SETUSER", "app", &format!("&{prefix}:*")]);
    streams.check_channels().await.unwrap();
    assert!(matches!(
        soon("the subscription", feed.next()).await,
        Live::Missed
    ));
}

#[tokio::test]
async fn the_rights_that_the_manual_names_are_enough() {
    let server = RedisServer::start().await;
    let rights =
        "resetchannels ~copilot:* &copilot:* +@read +@write +@scripting +@pubsub +@connection";
    let mut set = vec!["ACL", "SETUSER", "app", "on", ">secret"];
    set.extend(rights.split(' '));
    server.run(&set);
    let mut config = config(url(&server, "app:secret"));
    config.prefix = "copilot".to_owned();
    let streams = connected(config).await;
    streams.check_channels().await.unwrap();
    streams.check().await.unwrap();

    let turn = begun(&*streams).await;
    let mut feed = streams.follow(turn).await.unwrap();
    streams.keep_alive(&[turn]).await.unwrap();
    for unit in 3..20 {
        let next = append(1, Position::new(1, unit - 1), [entry(1, unit)]);
        streams.append(turn, next).await.unwrap();
    }
    follow_until(feed.as_mut(), Position::new(1, 19)).await;
    let last = append(1, Position::new(1, 19), [entry(1, 20)]);
    streams.finish(turn, last.clone()).await.unwrap();
    let stream = stream_of("copilot", turn);
    eventually("the compaction", async || {
        server.run(&["XLEN", &stream]) == "1"
    })
    .await;
    streams.bury(turn, last).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_or_address_is_told_without_the_password() {
    let server = RedisServer::start().await;
    server.run(&[
        "ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all",
    ]);
    for nodes in [
        url(&server, "app:hunter2"),
        RedisNodes::One("redis://app:hunter2@127.0.0.1:1".to_owned()),
        RedisNodes::One("redis://app:hunter2@127.0.0.1:port".to_owned()),
        RedisNodes::Cluster(vec![format!("redis://app:hunter2@{}", server.address())]),
    ] {
        let stop = CancellationToken::new();
        let refused = RedisStreams::connect(config(nodes), TaskTracker::new(), stop).await;
        let told = refused.err().unwrap().to_string();
        assert!(told.starts_with("redis.url: "), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
        assert!(!told.contains('\n'), "{told}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_at_start_is_told_in_time() {
    let server = RedisServer::start().await;
    server.freeze();
    let config = config(RedisNodes::One(server.url()));
    let connecting = RedisStreams::connect(config, TaskTracker::new(), CancellationToken::new());
    let refused = soon("an answer", connecting).await;
    server.thaw();
    assert!(
        refused
            .err()
            .unwrap()
            .to_string()
            .contains(&server.address())
    );
}

#[tokio::test]
async fn databases_are_apart() {
    let server = RedisServer::start().await;
    let (zero, mut one) = (config(url(&server, "")), config(url(&server, "")));
    one.nodes = RedisNodes::One(format!("redis://{}/1", server.address()));
    one.prefix.clone_from(&zero.prefix);
    let (zero, one) = (connected(zero).await, connected(one).await);
    let turn = begun(&*zero).await;
    assert!(one.status(turn).await.unwrap().is_none());
    assert!(zero.status(turn).await.unwrap().is_some());
}
