//! Readers share a connection.

use super::{eventually, on, on_cluster};
use crate::{
    streams::{append, begun, follow_until},
    world::{entry, key, soon},
};
use copilot_core::{
    port::stream::{Live, TurnStreams},
    position::Position,
};
use copilot_harness::redis_server::RedisServer;
use futures::{StreamExt, stream};

#[tokio::test]
async fn a_thousand_turns_are_read_over_one_connection_and_left_again() {
    const TURNS: usize = 1_000;
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    let feeds: Vec<_> = stream::iter((0..TURNS).map(|_| key()))
        .map(async |turn| {
            let feed = streams.follow(turn).await.unwrap();
            (turn, feed)
        })
        .buffer_unordered(50)
        .collect()
        .await;
    assert_eq!(streams.subscribed(), TURNS);
    let clients = server.run(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    assert_eq!(clients.lines().count(), 1, "{clients}");

    stream::iter(feeds)
        .for_each_concurrent(50, async |(turn, mut feed)| {
            streams.begin(turn, 1).await.unwrap();
            let one = append(1, Position::ZERO, [entry(1, 1)]);
            streams.append(turn, one).await.unwrap();
            follow_until(feed.as_mut(), Position::new(1, 1)).await;
        })
        .await;
    eventually("the end of all subscriptions", async || {
        server.run(&["PUBSUB", "SHARDCHANNELS"]).is_empty()
    })
    .await;
    assert_eq!(streams.subscribed(), 0);
}

#[tokio::test]
async fn readers_of_a_turn_come_and_go_without_harm_to_each_other() {
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    let turn = begun(&*streams).await;
    for round in 0..50 {
        let unit = 3 + round;
        let leaving = streams.follow(turn).await.unwrap();
        drop(leaving);
        let mut staying = streams.follow(turn).await.unwrap();
        let next = append(1, Position::new(1, unit - 1), [entry(1, unit)]);
        streams.append(turn, next).await.unwrap();
        follow_until(staying.as_mut(), Position::new(1, unit)).await;
    }
}

#[tokio::test]
async fn a_slow_reader_is_told_and_costs_the_other_nothing() {
    const UNITS: u64 = 400;
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    let turn = key();
    streams.begin(turn, 1).await.unwrap();
    let mut slow = streams.follow(turn).await.unwrap();
    let mut quick = streams.follow(turn).await.unwrap();
    for unit in 1..=UNITS {
        let from = match unit {
            1 => Position::ZERO,
            _ => Position::new(1, unit - 1),
        };
        streams
            .append(turn, append(1, from, [entry(1, unit)]))
            .await
            .unwrap();
        follow_until(quick.as_mut(), Position::new(1, unit)).await;
    }
    assert!(matches!(
        soon("word of it", slow.next()).await,
        Live::Missed
    ));
    let history = streams.read(turn, Position::ZERO).await.unwrap().unwrap();
    assert_eq!(history.len() as u64, UNITS);
}

#[tokio::test]
async fn turns_on_all_nodes_of_a_cluster_are_followed() {
    let streams = on_cluster().await;
    let mut feeds = Vec::new();
    for _ in 0..30 {
        let turn = begun(&*streams).await;
        feeds.push((turn, streams.follow(turn).await.unwrap()));
    }
    for (turn, feed) in &mut feeds {
        let next = append(1, Position::new(1, 2), [entry(1, 3)]);
        streams.append(*turn, next).await.unwrap();
        follow_until(feed.as_mut(), Position::new(1, 3)).await;
    }
    let turns: Vec<_> = feeds.iter().map(|(turn, _)| *turn).chain([key()]).collect();
    let statuses = streams.statuses(&turns).await.unwrap();
    assert_eq!(statuses.len(), 31);
    assert!(
        statuses[..30]
            .iter()
            .all(|status| { status.is_some_and(|status| status.position == Position::new(1, 3)) })
    );
    assert_eq!(statuses[30], None);
}
