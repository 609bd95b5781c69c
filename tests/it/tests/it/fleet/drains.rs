//! SIGTERM: executors drain or hand over, apis are replaced, and no client sees an error.

use std::time::Duration;

use copilot_harness::llm::text_of_words;
use copilot_harness::{EventStream, Gate, Reply, Transcript, text};
use futures::future::join_all;

use super::Fleet;
use super::history::{Accepted, check};
use crate::pieces::{folded, mended};

const LIMIT: Duration = Duration::from_secs(20);

async fn roomy(apis: usize, executors: usize) -> Fleet {
    let mut fleet = Fleet::prepare(apis, executors).await;
    for cap in ["RUNNING", "IN_FLIGHT"] {
        fleet
            .copilot
            .set(&format!("COPILOT__TURN__MAX_{cap}_PER_USER"), "1000");
    }
    fleet
        .copilot
        .set("COPILOT__SERVER__SHUTDOWN_DELAY_SECONDS", "0.2");
    fleet
        .copilot
        .set("COPILOT__SERVER__DRAIN_TIMEOUT_SECONDS", "1");
    fleet
}

async fn begin(fleet: &Fleet, turns: usize) -> Vec<(String, EventStream)> {
    let client = fleet.client(0);
    let mut streams = Vec::new();
    for _ in 0..turns {
        let session = client.create_session().await;
        let events = client.start_stream(&session, "go").open().await;
        streams.push((session, events));
    }
    streams
}

#[tokio::test]
async fn a_draining_executor_finishes_its_thirty_turns_and_takes_no_new_one() {
    let mut fleet = roomy(1, 1).await;
    fleet.copilot.start().await;
    fleet.copilot.add_executor();
    let gate = Gate::new();
    fleet
        .llm
        .default_reply(text("one ").gate(&gate).and_text("two"));
    let mut streams = begin(&fleet, 30).await;
    for (_, events) in &mut streams {
        events.until_text(|text| text == "one ").await;
    }

    fleet.copilot.executor(0).signal("TERM");
    fleet.copilot.executor_mut(1).spawn();
    let mut late = begin(&fleet, 1).await;
    gate.reached_by(31).await;
    gate.release();

    let exit = fleet.copilot.executor_mut(0).wait_exit(LIMIT).await;
    assert!(exit.success(), "{exit}");
    let client = fleet.client(0);
    let mut accepted = Vec::new();
    for (session, events) in streams.iter_mut().chain(&mut late) {
        let seen = events.to_finish().await;
        assert_eq!(seen.of("data-step-retry").count(), 0);
        let turn = client.known_turn(session, seen.turn_id());
        assert_eq!(turn.get().await["attempt"], 1);
        let answer = "one two".to_owned();
        accepted.push(Accepted { turn, answer });
    }
    check(&client, &accepted).await;
}

#[tokio::test]
async fn with_a_short_limit_a_drain_hands_over_at_once_and_no_client_sees_an_error() {
    let mut fleet = roomy(1, 1).await;
    fleet
        .copilot
        .set("COPILOT__EXECUTOR__DRAIN_TIMEOUT_SECONDS", "0.3");
    // Far longer than the test: a hand-back waits for no lease.
    fleet.copilot.set("COPILOT__EXECUTOR__LEASE_SECONDS", "120");
    fleet.copilot.start().await;
    fleet.copilot.add_executor();
    let never = Gate::new();
    fleet.llm.respond(move |asked| {
        if asked.number < 30 {
            text("lost ").gate(&never)
        } else {
            text("kept words")
        }
    });
    let mut streams = begin(&fleet, 30).await;
    for (_, events) in &mut streams {
        events.until_text(|text| text == "lost ").await;
    }
    fleet.copilot.executor_mut(1).spawn();

    fleet.copilot.executor(0).signal("TERM");

    let client = fleet.client(0);
    let mut accepted = Vec::new();
    for (session, events) in &mut streams {
        let seen = events.to_finish().await;
        assert_eq!(seen.error_code(), None);
        assert_eq!(mended([&seen]).unwrap().text(), "kept words");
        let turn = client.known_turn(session, seen.turn_id());
        let answer = "kept words".to_owned();
        accepted.push(Accepted { turn, answer });
    }
    check(&client, &accepted).await;
    let exit = fleet.copilot.executor_mut(0).wait_exit(LIMIT).await;
    assert!(exit.success(), "{exit}");
}

/// Reads a turn to its true end, and comes back to the other apis whenever the response breaks.
async fn follow(fleet: &Fleet, session: String, mut events: EventStream) -> Vec<Transcript> {
    let mut heard: Vec<Transcript> = Vec::new();
    let mut cursor: Option<String> = None;
    for api in (0..).map(|number| number % fleet.copilot.size().0) {
        let seen = events.to_end().await;
        cursor = seen.last_cursor().map(str::to_owned).or(cursor);
        let is_finished = seen.is_finished();
        if !is_finished {
            seen.assert_broken();
        }
        heard.push(seen);
        if is_finished {
            break;
        }
        let other = (api + 1) % fleet.copilot.size().0;
        events = fleet
            .client(other)
            .resume(&session, cursor.as_deref())
            .events();
    }
    heard
}

#[tokio::test]
async fn replacing_every_executor_during_fifty_turns_leaves_every_answer_whole() {
    let mut fleet = roomy(1, 2).await;
    fleet
        .copilot
        .set("COPILOT__EXECUTOR__DRAIN_TIMEOUT_SECONDS", "0.5");
    fleet.copilot.start().await;
    let gate = Gate::new();
    fleet
        .llm
        .default_reply(Reply::words(100).gate_after(10, &gate));
    let mut streams = begin(&fleet, 50).await;
    gate.reached_by(50).await;

    for old in 0..2 {
        let new = fleet.copilot.add_executor();
        fleet.copilot.executor_mut(new).spawn();
        fleet.copilot.executor(old).signal("TERM");
        let exit = fleet.copilot.executor_mut(old).wait_exit(LIMIT).await;
        assert!(exit.success(), "{exit}");
    }
    gate.release();

    let heard = join_all(streams.iter_mut().map(|(_, events)| events.to_finish())).await;
    for seen in heard {
        assert_eq!(seen.error_code(), None);
        assert_eq!(mended([&seen]).unwrap().text(), text_of_words(100));
    }
}

#[tokio::test]
async fn replacing_every_api_during_fifty_turns_leaves_no_client_with_a_silent_half() {
    let mut fleet = roomy(2, 1).await;
    fleet.copilot.start().await;
    let gate = Gate::new();
    fleet
        .llm
        .default_reply(Reply::words(200).gate_after(10, &gate));
    let streams = begin(&fleet, 50).await;
    gate.reached_by(50).await;

    fleet.copilot.api(0).signal("TERM");
    let exit = fleet.copilot.api_mut(0).wait_exit(LIMIT).await;
    assert!(exit.success(), "{exit}");
    gate.release();

    let reading = streams
        .into_iter()
        .map(|(session, events)| follow(&fleet, session, events));
    for responses in join_all(reading).await {
        assert!(
            responses.len() > 1,
            "the old api's response should have broken"
        );
        let events = responses.iter().flat_map(|seen| &seen.events);
        assert_eq!(folded(events).unwrap().text(), text_of_words(200));
    }
}
