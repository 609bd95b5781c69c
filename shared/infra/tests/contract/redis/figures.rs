//! What a turn costs Redis.

use super::{eventually, faults::stream_of, on};
use crate::{
    streams::append,
    world::{delta, entry, key},
};
use copilot_core::{port::stream::TurnStreams, position::Position};
use copilot_harness::redis_server::RedisServer;
use std::time::Instant;

fn figure(info: &str, name: &str) -> u64 {
    let line = info.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap()
        .trim_start_matches(':')
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_turn_costs_one_script_for_each_append() {
    const DELTAS: u64 = 200;
    let server = RedisServer::start().await;
    let streams = on(&server).await;
    let turn = key();
    let _feed = streams.follow(turn).await.unwrap();
    server.run(&["CONFIG", "RESETSTAT"]);

    let began = Instant::now();
    streams.begin(turn, 1).await.unwrap();
    let opening = [entry(1, 1), entry(1, 2)];
    streams
        .append(turn, append(1, Position::ZERO, opening))
        .await
        .unwrap();
    let mut at = 2;
    let mut slowest = Vec::new();
    for _ in 0..DELTAS {
        let one = append(1, Position::new(1, at), [delta(1, at + 5, "word ")]);
        let sent = Instant::now();
        streams.append(turn, one).await.unwrap();
        slowest.push(sent.elapsed());
        at += 5;
    }
    let last = append(1, Position::new(1, at), [entry(1, at + 1)]);
    streams.finish(turn, last).await.unwrap();
    let took = began.elapsed();
    let stream = stream_of(&streams.prefix, turn);
    eventually("the compaction", async || {
        server.run(&["XLEN", &stream]) == "1"
    })
    .await;

    slowest.sort();
    let stats = server.run(&["INFO", "stats"]);
    let calls = server.run(&["INFO", "commandstats"]);
    let scripts: u64 = ["cmdstat_evalsha", "cmdstat_eval"]
        .iter()
        .filter_map(|name| {
            calls
                .lines()
                .find(|line| line.starts_with(&format!("{name}:")))
        })
        .map(|line| {
            let counted = line.split("calls=").nth(1).unwrap();
            counted.split(',').next().unwrap().parse::<u64>().unwrap()
        })
        .sum();
    let memory = server.run(&["MEMORY", "USAGE", &stream]);
    eprintln!(
        "{DELTAS} deltas: {scripts} scripts, {} bytes in, {} bytes out, {took:?}, \
         append p50 {:?} p99 {:?}, {memory} bytes kept",
        figure(&stats, "total_net_input_bytes"),
        figure(&stats, "total_net_output_bytes"),
        slowest[100],
        slowest[198],
    );
    // begin, opening, deltas, end; a draft and its swap; each script once more in full.
    assert!(
        (DELTAS + 3..=DELTAS + 10).contains(&scripts),
        "{scripts} scripts\n{calls}"
    );
}
