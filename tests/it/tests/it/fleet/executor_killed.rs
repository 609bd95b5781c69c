//! `kill -9` of the executor that works on a turn: another one goes on.

use std::time::{Duration, Instant};

use copilot_harness::{Gate, Reply, calls, text};
use serde_json::json;

use super::Fleet;
use super::history::{Accepted, check, check_count};
use crate::pieces::mended;

/// One executor runs; two others are started when it is killed.
async fn with_spares() -> Fleet {
    let mut fleet = Fleet::prepare(1, 1).await;
    fleet.copilot.start().await;
    fleet.copilot.add_executor();
    fleet.copilot.add_executor();
    fleet
}

/// The executor dies, and the spares start.
fn kill_and_start_spares(fleet: &mut Fleet) {
    fleet.copilot.executor_mut(0).kill9();
    fleet.copilot.executor_mut(1).spawn();
    fleet.copilot.executor_mut(2).spawn();
}

#[tokio::test]
async fn killed_at_any_place_of_its_reply_the_turn_is_answered_whole_by_another() {
    for deltas in [0, 1, 3, 5] {
        let mut fleet = with_spares().await;
        let never = Gate::new();
        let reply = || {
            Reply::text_then_calls("I look. ", "search_docs", json!({"query": "x"}))
                .reasoning("hm ")
        };
        fleet
            .llm
            .script([reply().gate_after(deltas, &never), reply(), text("Found.")]);
        let client = fleet.client(0);
        let session = client.create_session().await;
        let mut events = client.start_stream(&session, "find").open().await;
        never.reached().await;

        kill_and_start_spares(&mut fleet);

        // A dead executor is no end of the response: it stays open until the true one.
        let seen = events.to_finish().await;
        let message = mended([&seen]);
        let message = message.unwrap_or_else(|error| panic!("after {deltas} deltas: {error}"));
        assert_eq!(message.text(), "I look. Found.", "after {deltas} deltas");
        let turn = client.known_turn(&session, seen.turn_id());
        assert_eq!(turn.get().await["attempt"], 2);
        let answer = "I look. Found.".to_owned();
        check(&client, &[Accepted { turn, answer }]).await;
        check_count(&client, &session, 1).await;
    }
}

#[tokio::test]
async fn what_was_finished_before_the_kill_is_neither_asked_nor_run_again() {
    let mut fleet = with_spares().await;
    let never = Gate::new();
    fleet.llm.script([
        calls("search_docs", json!({"query": "crash"})),
        text("x").gate_first_byte(&never),
        text("I found it."),
    ]);
    let client = fleet.client(0);
    let session = client.create_session().await;
    let mut events = client.start_stream(&session, "find").open().await;
    events.until(|event| event.is("finish-step")).await;
    never.reached().await;

    kill_and_start_spares(&mut fleet);
    let seen = events.to_finish().await;

    assert_eq!(seen.of("tool-output-available").count(), 1);
    let requests = fleet.llm.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[2].tool_results().len(), 1);
    let turn = client.known_turn(&session, seen.turn_id());
    let answer = "I found it.".to_owned();
    check(&client, &[Accepted { turn, answer }]).await;
}

#[tokio::test]
async fn killed_between_a_reply_and_its_tools_or_near_the_end_nothing_is_lost_or_doubled() {
    for kind in [
        "tool-input-available",
        "tool-output-available",
        "text-end",
        "finish",
    ] {
        let mut fleet = with_spares().await;
        fleet.llm.respond(|asked| match asked.step() {
            0 => calls("search_docs", json!({"query": "crash"})),
            _ => text("I found it."),
        });
        let client = fleet.client(0);
        let session = client.create_session().await;
        let mut events = client.start_stream(&session, "find").open().await;
        events.until(|event| event.is(kind)).await;

        kill_and_start_spares(&mut fleet);

        let seen = events.to_finish().await;
        assert_eq!(seen.of("finish").count(), 1, "killed at {kind}");
        let turn = client.known_turn(&session, seen.turn_id());
        let answer = "I found it.".to_owned();
        check(&client, &[Accepted { turn, answer }]).await;
        check_count(&client, &session, 1).await;
    }
}

#[tokio::test]
async fn a_turn_whose_hint_died_with_a_frozen_executor_is_found_by_the_look() {
    let mut fleet = with_spares().await;
    fleet.llm.script([text("Here I am.")]);
    let client = fleet.client(0);
    let session = client.create_session().await;
    fleet.copilot.executor(0).signal("STOP");
    let mut events = client.start_stream(&session, "hi").open().await;
    events.until(|event| event.is("start")).await;

    fleet.copilot.executor_mut(1).spawn();
    let seen = events.to_finish().await;
    fleet.copilot.executor_mut(0).kill9();

    let turn = client.known_turn(&session, seen.turn_id());
    assert_eq!(turn.get().await["attempt"], 1);
    let answer = "Here I am.".to_owned();
    check(&client, &[Accepted { turn, answer }]).await;
}

#[tokio::test]
async fn a_killed_executors_turn_goes_on_within_the_lease_and_five_seconds() {
    let mut fleet = Fleet::prepare(1, 1).await;
    fleet.copilot.set("COPILOT__EXECUTOR__LEASE_SECONDS", "8");
    fleet
        .copilot
        .set("COPILOT__EXECUTOR__HEARTBEAT_SECONDS", "2");
    fleet.copilot.add_executor();
    let never = Gate::new();
    fleet
        .llm
        .script([text("x").gate_first_byte(&never), text("Here I am.")]);
    fleet.copilot.api_mut(0).spawn();
    fleet.copilot.executor_mut(0).spawn();
    fleet.copilot.until_ready().await;
    let client = fleet.client(0);
    let turn = client.turn("hi").await;
    never.reached().await;
    fleet.copilot.executor_mut(1).spawn();

    let killed = Instant::now();
    fleet.copilot.executor_mut(0).kill9();
    fleet.llm.requests_at_least(2).await;

    assert!(
        killed.elapsed() < Duration::from_secs(13),
        "{:?}",
        killed.elapsed()
    );
    let answer = "Here I am.".to_owned();
    check(&client, &[Accepted { turn, answer }]).await;
}

#[tokio::test]
async fn a_turn_that_kills_each_of_its_executors_fails_with_a_clear_error() {
    let mut fleet = Fleet::prepare(1, 1).await;
    fleet.copilot.set("COPILOT__TURN__MAX_ATTEMPTS", "2");
    fleet.copilot.start().await;
    let never = Gate::new();
    fleet.llm.default_reply(text("x").gate_first_byte(&never));
    let client = fleet.client(0);
    let session = client.create_session().await;
    let mut events = client.start_stream(&session, "hi").open().await;

    for attempt in 1..=2 {
        never.reached_by(attempt).await;
        fleet.copilot.executor_mut(0).kill9();
        fleet.copilot.executor_mut(0).spawn();
    }

    let seen = events.to_finish().await;
    assert_eq!(seen.error_code(), Some("attempts_exhausted"));
    let turn = client.known_turn(&session, seen.turn_id());
    assert_eq!(turn.get().await["status"], "failed");
    assert_eq!(fleet.llm.requests().len(), 2);
}
