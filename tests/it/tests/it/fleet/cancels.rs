//! Cancels with several executors: each hears of each.

use std::time::Duration;

use copilot_harness::{Client, Gate, Reply, text};
use futures::{StreamExt, stream};
use serde_json::Value;

use super::Fleet;

const EXECUTORS: usize = 8;
const CANCELS: usize = 200;

async fn crowded() -> Fleet {
    let mut fleet = Fleet::prepare(2, EXECUTORS).await;
    for cap in ["RUNNING", "IN_FLIGHT"] {
        fleet
            .copilot
            .set(&format!("COPILOT__TURN__MAX_{cap}_PER_USER"), "1000");
    }
    fleet.copilot.set("COPILOT__DATABASE__MAX_CONNECTIONS", "4");
    fleet.copilot.start().await;
    fleet
}

/// Begins a turn and cancels it at a moment that differs from number to number: before its
/// claim, after it, in its text, and after its end.
async fn cancel_one(client: Client, number: usize) -> (Value, Value) {
    let turn = client.turn(&format!("turn {number}")).await;
    match number % 4 {
        0 => {}
        1 => drop(turn.events().until(|event| event.is("start-step")).await),
        2 => drop(turn.events().until_text(|text| !text.is_empty()).await),
        _ => tokio::time::sleep(Duration::from_millis(number as u64 % 60)).await,
    }
    let answer = turn.cancel().await;
    (answer, turn.get().await)
}

#[tokio::test]
async fn two_hundred_cancels_at_any_moment_reach_eight_executors() {
    let fleet = crowded().await;
    fleet
        .llm
        .default_reply(Reply::words(400).delay_between(Duration::from_millis(20)));

    let cancelling = stream::iter(0..CANCELS)
        .map(|number| cancel_one(fleet.client(number % 2), number))
        .buffer_unordered(16);
    let outcomes: Vec<_> = cancelling.collect().await;

    for (answer, turn) in &outcomes {
        assert_eq!(answer["cancelled"], true);
        assert_ne!(answer["reason"], "forced", "{turn}");
        assert_eq!(turn["status"], "cancelled", "{answer}");
    }
    fleet.llm.idle().await;
}

#[tokio::test]
async fn a_cancel_of_a_turn_that_has_ended_says_so() {
    let fleet = Fleet::start(2, 2).await;
    fleet.llm.default_reply(text("done"));
    let turn = fleet.client(0).turn("hi").await;
    turn.until_status("completed").await;

    let answer = fleet
        .client(1)
        .cancel(&turn.session_id, Some(&turn.id))
        .ok()
        .await;

    assert_eq!(answer["reason"], "no_active_session");
    assert_eq!(turn.get().await["status"], "completed");
}

#[tokio::test]
async fn without_the_fanout_the_row_alone_stops_a_turn() {
    let fleet = Fleet::start(1, 2).await;
    let never = Gate::new();
    fleet
        .llm
        .default_reply(text("one ").gate(&never).and_text("two"));
    let client = fleet.client(0);
    let session = client.create_session().await;
    let mut events = client.start_stream(&session, "count").open().await;
    events.until_text(|text| text == "one ").await;

    super::broker::delete_cancel_exchange(&fleet.copilot).await;
    let answer = client.cancel(&session, None).ok().await;

    assert_eq!(
        (&answer["cancelled"], &answer["status"]),
        (&true.into(), &"cancelled".into())
    );
    let seen = events.to_finish().await;
    assert_eq!(seen.kinds().last_two(), ["abort", "finish"]);
    fleet.llm.idle().await;
}
