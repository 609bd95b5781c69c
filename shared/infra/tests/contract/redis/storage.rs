//! What lies in Redis, and for how long.

use super::{config, connected, eventually, faults::stream_of, on};
use crate::{
    streams::{append, begun, positions},
    world::{delta, entry, key},
};
use copilot_core::{
    event::Entry,
    port::stream::{Appended, TurnStreams},
    position::Position,
};
use copilot_harness::redis_server::RedisServer;
use copilot_infra::redis_stream::RedisNodes;
use std::{sync::Arc, time::Duration};

fn ttl(server: &RedisServer, name: &str) -> i64 {
    server.run(&["PTTL", name]).parse().unwrap()
}

#[tokio::test]
async fn every_key_expires_whatever_it_is() {
    let server = RedisServer::start().await;
    let mut config = config(RedisNodes::One(server.url()));
    config.ttl = Duration::from_secs(100);
    let streams = connected(config).await;

    let live = begun(&*streams).await;
    let ended = begun(&*streams).await;
    let last = append(1, Position::new(1, 2), [entry(1, 3)]);
    streams.finish(ended, last.clone()).await.unwrap();
    let buried = begun(&*streams).await;
    streams.bury(buried, last.clone()).await.unwrap();
    let buried_late = begun(&*streams).await;
    streams.finish(buried_late, last.clone()).await.unwrap();
    streams.bury(buried_late, last.clone()).await.unwrap();
    let never_was = key();
    streams
        .bury(never_was, append(1, Position::ZERO, [entry(1, 1)]))
        .await
        .unwrap();

    for (turn, least, most) in [
        (live, 800_000, 900_000),
        (ended, 90_000, 100_000),
        (buried, 50_000, 60_000),
        (buried_late, 50_000, 60_000),
        (never_was, 50_000, 60_000),
    ] {
        let stream = stream_of(&streams.prefix, turn);
        for name in [format!("{stream}:task"), stream] {
            let left = ttl(&server, &name);
            assert!((least..=most).contains(&left), "{name}: {left} ms");
        }
    }
}

#[tokio::test]
async fn only_live_streams_are_kept_alive() {
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    let (live, ended) = (begun(&*streams).await, begun(&*streams).await);
    let last = append(1, Position::new(1, 2), [entry(1, 3)]);
    streams.finish(ended, last).await.unwrap();
    let (live_stream, ended_stream) = (
        stream_of(&streams.prefix, live),
        stream_of(&streams.prefix, ended),
    );
    for stream in [&live_stream, &ended_stream] {
        for name in [stream.clone(), format!("{stream}:task")] {
            server.run(&["PEXPIRE", &name, "50000"]);
        }
    }

    streams.keep_alive(&[live, ended, key()]).await.unwrap();

    assert!(ttl(&server, &live_stream) > 100_000);
    assert!(ttl(&server, &format!("{live_stream}:task")) > 100_000);
    assert!(ttl(&server, &ended_stream) <= 50_000);
    server.run(&["PEXPIRE", &live_stream, "50000"]);
    streams.keep_alive(&[live]).await.unwrap();
    assert!(ttl(&server, &live_stream) <= 50_000, "not at every call");
}

#[tokio::test]
async fn an_ended_stream_is_compacted_and_reads_the_same() {
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    let turn = key();
    streams.begin(turn, 1).await.unwrap();
    let mut from = Position::ZERO;
    for unit in 1..=300 {
        let one = if unit == 1 {
            entry(1, 1)
        } else {
            delta(1, unit, "x")
        };
        streams.append(turn, append(1, from, [one])).await.unwrap();
        from = Position::new(1, unit);
    }
    let stream = stream_of(&streams.prefix, turn);
    assert_eq!(server.run(&["XLEN", &stream]), "300");
    let last = append(1, from, [entry(1, 301)]);
    assert_eq!(
        streams.finish(turn, last.clone()).await.unwrap(),
        Appended::Done
    );

    eventually("the compaction", async || {
        server.run(&["XLEN", &stream]) == "1"
    })
    .await;
    assert_eq!(
        positions(&*streams, turn).await,
        [
            Position::new(1, 1),
            Position::new(1, 300),
            Position::new(1, 301)
        ]
    );
    let rest = streams
        .read(turn, Position::new(1, 150))
        .await
        .unwrap()
        .unwrap();
    let first: &Arc<Entry> = rest.first().unwrap();
    assert_eq!((first.position, first.units), (Position::new(1, 300), 299));
    assert_eq!(streams.finish(turn, last).await.unwrap(), Appended::Done);
    assert!(ttl(&server, &stream) > 0);
    assert_eq!(server.run(&["EXISTS", &format!("{stream}:draft")]), "0");
}

#[tokio::test]
async fn a_stream_too_large_for_one_batch_is_compacted_and_read_in_pages() {
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    let turn = key();
    streams.begin(turn, 1).await.unwrap();
    let mut from = Position::ZERO;
    let long = "é".repeat(1_000);
    for number in 1..=400 {
        let unit = number * 1_001;
        let two = [delta(1, unit - 1, &long), entry(1, unit)];
        assert_eq!(
            streams.append(turn, append(1, from, two)).await.unwrap(),
            Appended::Done
        );
        from = Position::new(1, unit);
    }
    let before = positions(&*streams, turn).await;
    assert_eq!(before.len(), 800);
    let last = append(1, from, [entry(1, from.unit + 1)]);
    streams.finish(turn, last).await.unwrap();
    let stream = stream_of(&streams.prefix, turn);
    eventually("the compaction", async || {
        server.run(&["XLEN", &stream]) != "401"
    })
    .await;
    let length: usize = server.run(&["XLEN", &stream]).parse().unwrap();
    assert!((2..10).contains(&length), "{length} batches");
    let after = positions(&*streams, turn).await;
    assert_eq!(after.len(), 801);
    assert_eq!(after[..800], before);
}

#[tokio::test]
async fn what_another_version_wrote_is_an_error() {
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    let turn = begun(&*streams).await;
    let stream = stream_of(&streams.prefix, turn);
    server.run(&["XADD", &stream, "1-9", "b", "9e[]"]);
    let error = streams.read(turn, Position::ZERO).await.unwrap_err();
    assert!(!error.is_unavailable());
}
