//! A master of a cluster dies.

use super::{cluster_nodes, config, connected, eventually};
use crate::{
    streams::{append, begun, follow_until},
    world::{entry, soon},
};
use copilot_core::{
    port::stream::{Appended, Begun, Live, TurnStreams},
    position::Position,
};
use copilot_harness::redis_server::RedisCluster;

#[tokio::test]
async fn a_replica_takes_over_and_readers_find_it() {
    let mut cluster = RedisCluster::with_replicas(1).await;
    let streams = connected(config(cluster_nodes(&cluster.url()))).await;
    let mut turns = Vec::new();
    for _ in 0..12 {
        let turn = begun(&*streams).await;
        turns.push((turn, streams.follow(turn).await.unwrap()));
    }
    let first = cluster.nodes_mut().first_mut().unwrap();
    first.run(&["WAIT", "1", "5000"]);
    first.stop();

    for (turn, feed) in &mut turns {
        // The promise is of the code above: begin again, write what is missing.
        let next = append(1, Position::new(1, 2), [entry(1, 3)]);
        eventually("the next entry", async || {
            match streams.append(*turn, next.clone()).await {
                Ok(Appended::Done) => true,
                Ok(Appended::Fenced) => panic!("nobody else writes"),
                Ok(Appended::Lost) => {
                    let begun = streams.begin(*turn, 1).await;
                    if let Ok(Begun::At { position, .. }) = begun
                        && position == Position::ZERO
                    {
                        let both = append(1, Position::ZERO, [entry(1, 1), entry(1, 2)]);
                        streams.append(*turn, both).await.ok();
                    }
                    false
                }
                Err(error) => {
                    assert!(error.is_unavailable(), "{error:?}");
                    false
                }
            }
        })
        .await;
        let mut is_there = false;
        while !is_there {
            is_there = match soon("the entry", feed.next()).await {
                Live::Entries(entries) => entries.iter().any(|one| one.position.unit == 3),
                Live::Missed => streams
                    .read(*turn, Position::new(1, 2))
                    .await
                    .is_ok_and(|read| read.is_some_and(|read| !read.is_empty())),
                Live::Passing(event) => panic!("nobody published {event:?}"),
            };
        }
    }
    for (turn, feed) in &mut turns {
        let next = append(1, Position::new(1, 3), [entry(1, 4)]);
        let mut came = false;
        while !came {
            streams.append(*turn, next.clone()).await.unwrap();
            came = match soon("the entry", feed.next()).await {
                Live::Entries(entries) => entries.iter().any(|one| one.position.unit == 4),
                Live::Missed => streams
                    .read(*turn, Position::new(1, 3))
                    .await
                    .unwrap()
                    .is_some(),
                Live::Passing(event) => panic!("nobody published {event:?}"),
            };
        }
    }
    let (turn, feed) = turns.first_mut().unwrap();
    let five = append(1, Position::new(1, 4), [entry(1, 5)]);
    streams.append(*turn, five).await.unwrap();
    follow_until(feed.as_mut(), Position::new(1, 5)).await;
}
