//! Redis forgets, hangs, goes away, is full.

use super::{eventually, on};
use crate::{
    streams::{append, begun, follow_until, positions},
    world::{entry, key, soon},
};
use copilot_core::{
    port::{
        ready::ReadyPart,
        stream::{Appended, Begun, Live, LiveFeed, TurnStreams},
    },
    position::Position,
};
use copilot_harness::redis_server::RedisServer;
use std::time::{Duration, Instant};

const NEW: Begun = Begun::At {
    position: Position::ZERO,
    former: None,
};

/// Waits for the word that something was missed; other news may come before.
async fn missed(feed: &mut dyn LiveFeed) {
    while !matches!(soon("word of it", feed.next()).await, Live::Missed) {}
}

#[tokio::test]
async fn a_flushed_server_loses_streams_and_scripts_and_both_come_back() {
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    let turn = begun(&*streams).await;
    let mut feed = streams.follow(turn).await.unwrap();
    server.run(&["FLUSHALL"]);
    server.run(&["SCRIPT", "FLUSH"]);

    let next = append(1, Position::new(1, 2), [entry(1, 3)]);
    assert_eq!(
        streams.append(turn, next.clone()).await.unwrap(),
        Appended::Lost
    );
    assert_eq!(streams.finish(turn, next).await.unwrap(), Appended::Lost);
    assert_eq!(streams.begin(turn, 1).await.unwrap(), NEW);
    let all = append(1, Position::ZERO, [entry(1, 1), entry(1, 2), entry(1, 3)]);
    assert_eq!(streams.append(turn, all).await.unwrap(), Appended::Done);
    follow_until(feed.as_mut(), Position::new(1, 3)).await;
    assert_eq!(positions(&*streams, turn).await.len(), 3);
    let ttl: i64 = server
        .run(&["PTTL", &stream_of(&streams.prefix, turn)])
        .parse()
        .unwrap();
    assert!(ttl > 0, "a stream that was written again expires too");
}

pub(super) fn stream_of(prefix: &str, turn: copilot_core::turn::TurnKey) -> String {
    format!("{prefix}:{{{}}}:turn:{}", turn.session_id, turn.turn_id)
}

#[tokio::test]
async fn a_server_that_restarts_empty_is_found_again() {
    let mut server = RedisServer::start().await;
    let streams = on(&server).await;
    let turn = begun(&*streams).await;
    let mut feed = streams.follow(turn).await.unwrap();
    server.stop();
    let away = streams.status(turn).await.unwrap_err();
    assert!(away.is_unavailable());
    assert!(streams.check().await.is_err());
    let mut late = streams.follow(turn).await.unwrap();

    server.restart().await;
    missed(feed.as_mut()).await;
    missed(late.as_mut()).await;
    eventually("an answer", async || streams.check().await.is_ok()).await;
    assert_eq!(streams.status(turn).await.unwrap(), None);
    assert_eq!(streams.begin(turn, 1).await.unwrap(), NEW);
    let all = append(1, Position::ZERO, [entry(1, 1)]);
    assert_eq!(streams.append(turn, all).await.unwrap(), Appended::Done);
    follow_until(feed.as_mut(), Position::new(1, 1)).await;
    follow_until(late.as_mut(), Position::new(1, 1)).await;
}

#[tokio::test]
async fn while_a_server_hangs_calls_fail_fast_and_afterwards_all_goes_on() {
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    let turn = begun(&*streams).await;
    let mut feed = streams.follow(turn).await.unwrap();
    server.freeze();
    let frozen = Instant::now();
    let (mut calls, mut longest) = (0, Duration::ZERO);
    while frozen.elapsed() < Duration::from_secs(5) {
        let began = Instant::now();
        let error = streams.status(turn).await.unwrap_err();
        assert!(error.is_unavailable());
        longest = longest.max(began.elapsed());
        calls += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.thaw();
    assert!(longest < Duration::from_secs(3), "{longest:?}");
    assert!(calls > 20, "only {calls} calls were answered");

    missed(feed.as_mut()).await;
    eventually("an answer", async || streams.check().await.is_ok()).await;
    let next = append(1, Position::new(1, 2), [entry(1, 3)]);
    assert_eq!(streams.append(turn, next).await.unwrap(), Appended::Done);
    follow_until(feed.as_mut(), Position::new(1, 3)).await;
}

#[tokio::test]
async fn a_full_server_takes_all_of_an_append_or_nothing() {
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    let turn = begun(&*streams).await;
    server.run(&["CONFIG", "SET", "maxmemory", "1"]);

    let next = append(1, Position::new(1, 2), [entry(1, 3), entry(1, 4)]);
    let last = append(1, Position::new(1, 4), [entry(1, 5)]);
    assert!(
        streams
            .append(turn, next.clone())
            .await
            .unwrap_err()
            .is_unavailable()
    );
    assert!(
        streams
            .finish(turn, next.clone())
            .await
            .unwrap_err()
            .is_unavailable()
    );
    assert!(streams.begin(key(), 1).await.unwrap_err().is_unavailable());
    assert!(streams.begin(turn, 2).await.unwrap_err().is_unavailable());
    assert!(
        streams
            .bury(turn, last.clone())
            .await
            .unwrap_err()
            .is_unavailable()
    );
    assert_eq!(positions(&*streams, turn).await.len(), 2);
    let status = streams.status(turn).await.unwrap().unwrap();
    assert_eq!(
        (status.attempt, status.position, status.ended),
        (1, Position::new(1, 2), false)
    );

    server.run(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(streams.append(turn, next).await.unwrap(), Appended::Done);
    assert_eq!(streams.finish(turn, last).await.unwrap(), Appended::Done);
}

#[tokio::test]
async fn a_killed_connection_is_made_again_and_readers_are_told() {
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    let turn = begun(&*streams).await;
    let mut feed = streams.follow(turn).await.unwrap();
    server.run(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    server.run(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    missed(feed.as_mut()).await;
    let next = append(1, Position::new(1, 2), [entry(1, 3)]);
    assert_eq!(streams.append(turn, next).await.unwrap(), Appended::Done);
    follow_until(feed.as_mut(), Position::new(1, 3)).await;
}

#[tokio::test]
async fn a_tail_that_a_replica_lacked_is_lost_and_can_be_written_again() {
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    let turn = begun(&*streams).await;
    let stream = stream_of(&streams.prefix, turn);
    let three = append(1, Position::new(1, 2), [entry(1, 3)]);
    streams.append(turn, three.clone()).await.unwrap();
    let four = append(1, Position::new(1, 3), [entry(1, 4)]);
    streams.append(turn, four.clone()).await.unwrap();
    assert_eq!(server.run(&["XDEL", &stream, "1-3", "1-4"]), "2");

    let five = append(1, Position::new(1, 4), [entry(1, 5)]);
    assert_eq!(streams.append(turn, four).await.unwrap(), Appended::Lost);
    assert_eq!(
        streams.append(turn, five.clone()).await.unwrap(),
        Appended::Lost
    );
    assert_eq!(streams.finish(turn, five).await.unwrap(), Appended::Lost);
    let at_two = Begun::At {
        position: Position::new(1, 2),
        former: Some(1),
    };
    assert_eq!(streams.begin(turn, 1).await.unwrap(), at_two);
    assert_eq!(streams.append(turn, three).await.unwrap(), Appended::Done);
    assert_eq!(positions(&*streams, turn).await.len(), 3);

    server.run(&["XTRIM", &stream, "MAXLEN", "0"]);
    assert_eq!(streams.begin(turn, 1).await.unwrap(), NEW);
}

#[tokio::test]
async fn either_key_may_be_evicted_alone() {
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    for suffix in ["", ":task"] {
        let turn = begun(&*streams).await;
        let evicted = format!("{}{suffix}", stream_of(&streams.prefix, turn));
        assert_eq!(server.run(&["DEL", &evicted]), "1");
        let next = append(1, Position::new(1, 2), [entry(1, 3)]);
        assert_eq!(
            streams.append(turn, next).await.unwrap(),
            Appended::Lost,
            "{evicted}"
        );
        assert_eq!(streams.begin(turn, 2).await.unwrap(), NEW);
        let all = append(2, Position::ZERO, [entry(1, 1), entry(2, 1)]);
        assert_eq!(streams.append(turn, all).await.unwrap(), Appended::Done);
        assert_eq!(positions(&*streams, turn).await.len(), 2);
    }
}
