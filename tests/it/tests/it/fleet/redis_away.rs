//! Redis restarts empty, forgets, hangs, or is full: turns end well, and clients get all.

use std::time::Duration;

use copilot_harness::{Gate, redis_server::RedisServer, servers::Servers, text};

use super::Fleet;
use super::history::{Accepted, check};
use crate::pieces::{folded, joined, mended};

async fn start() -> (RedisServer, Fleet) {
    let redis = RedisServer::start().await;
    let servers = Servers {
        redis: Some(redis.url()),
        ..Servers::default()
    };
    let mut fleet = Fleet::prepare_on(servers, 1, 2).await;
    fleet.copilot.start().await;
    (redis, fleet)
}

/// A turn stands in the middle of its text; `harm` is done; it goes on. Whoever reads on, resumes
/// or replays then gets the whole answer.
async fn survives(harm: impl AsyncFnOnce(&mut RedisServer)) {
    let (mut redis, fleet) = start().await;
    let gate = Gate::new();
    fleet
        .llm
        .script([text("one two ").gate(&gate).and_text("three four")]);
    let client = fleet.client(0);
    let session = client.create_session().await;
    let mut events = client.start_stream(&session, "count").open().await;
    events.until_text(|text| text == "one two ").await;
    let head = events.seen().clone();

    harm(&mut redis).await;
    gate.release();

    let seen = events.to_finish().await;
    assert_eq!(seen.error_code(), None);
    assert_eq!(mended([&seen]).unwrap().text(), "one two three four");
    let rest = client
        .resume(&session, head.last_cursor())
        .events()
        .to_finish()
        .await;
    let whole = folded(head.events.iter().chain(&rest.events)).unwrap();
    assert_eq!(whole.text(), "one two three four");
    let turn = client.known_turn(&session, seen.turn_id());
    let answer = "one two three four".to_owned();
    check(&client, &[Accepted { turn, answer }]).await;
    drop(fleet);
}

#[tokio::test]
async fn a_turn_ends_well_when_redis_restarts_empty() {
    survives(async |redis| redis.restart().await).await;
}

/// As after a failover to a replica that lagged behind.
#[tokio::test]
async fn a_turn_ends_well_when_redis_forgets_its_last_second() {
    let (mut redis, fleet) = start().await;
    let (more, end) = (Gate::new(), Gate::new());
    fleet.llm.script([text("one ")
        .gate(&more)
        .and_text("two ")
        .gate(&end)
        .and_text("three")]);
    let client = fleet.client(0);
    let session = client.create_session().await;
    let mut events = client.start_stream(&session, "count").open().await;
    events.until_text(|text| text == "one ").await;
    // It is what the restarted server begins with.
    redis.run(&["SAVE"]);
    more.release();
    events.until_text(|text| text == "one two ").await;
    let head = events.seen().clone();

    redis.restart().await;
    end.release();

    let seen = events.to_finish().await;
    assert_eq!(mended([&seen]).unwrap().text(), "one two three");
    let mut rest = client.resume(&session, head.last_cursor()).events();
    let whole = joined(&head, &rest.to_finish().await).unwrap();
    assert_eq!(whole.text(), "one two three");
    let turn = client.known_turn(&session, seen.turn_id());
    let answer = "one two three".to_owned();
    check(&client, &[Accepted { turn, answer }]).await;
    drop(fleet);
}

#[tokio::test]
async fn a_turn_ends_well_when_redis_is_flushed() {
    survives(async |redis| drop(redis.run(&["FLUSHALL"]))).await;
}

#[tokio::test]
async fn a_turn_ends_well_after_redis_hung_for_five_seconds() {
    survives(async |redis| {
        redis.freeze();
        tokio::time::sleep(Duration::from_secs(5)).await;
        redis.thaw();
    })
    .await;
}

#[tokio::test]
async fn a_turn_ends_well_while_redis_takes_no_writes() {
    survives(async |redis| drop(redis.run(&["CONFIG", "SET", "maxmemory", "1"]))).await;
}

#[tokio::test]
async fn turns_run_and_are_read_while_redis_is_away() {
    let (mut redis, fleet) = start().await;
    let gate = Gate::new();
    fleet.llm.script([text("one ").gate(&gate).and_text("two")]);
    let client = fleet.client(0);
    let turn = client.turn("count").await;
    gate.reached().await;

    redis.stop();
    gate.release();

    let answer = "one two".to_owned();
    check(&client, &[Accepted { turn, answer }]).await;
    redis.restart().await;
    drop(fleet);
}
