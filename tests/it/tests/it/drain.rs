//! SIGTERM: what can end ends, what cannot goes on after the restart, and no client is deceived.

use std::time::Duration;

use copilot_harness::deadline::poll_until;
use copilot_harness::stack::StackBuilder;
use copilot_harness::{Gate, TestStack, text};
use serde_json::json;

use crate::conversation::{Conversation, each};
use crate::pieces::mended;

const LIMIT: Duration = Duration::from_secs(20);

fn with_short_drain() -> StackBuilder {
    TestStack::builder()
        .env("COPILOT__SERVER__SHUTDOWN_DELAY_SECONDS", "0")
        .env("COPILOT__SERVER__DRAIN_TIMEOUT_SECONDS", "1")
        .env("COPILOT__EXECUTOR__DRAIN_TIMEOUT_SECONDS", "1")
}

async fn until_not_ready(stack: &TestStack) {
    let is_down = async || stack.client.get("/readyz").answer().await.status == 503;
    poll_until(LIMIT, || "readyz fails".to_owned(), is_down).await;
}

#[tokio::test]
async fn a_turn_that_outlasts_the_drain_breaks_its_response_and_goes_on_after_the_restart() {
    // A hand-back is no lost attempt, so one attempt is enough.
    let mut stack = with_short_drain()
        .env("COPILOT__TURN__MAX_ATTEMPTS", "1")
        .start()
        .await;
    let never = Gate::new();
    stack
        .llm
        .script([text("one ").gate(&never), text("one two")]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("count").await;
    events.until_text(|text| text == "one ").await;

    stack.copilot.sigterm();
    let head = events.to_end().await;
    let exit = stack.copilot.wait_exit(LIMIT).await;

    head.assert_broken();
    let last = head.events.last().unwrap();
    assert_eq!(
        (last.kind(), &last.json["data"]["message"]),
        ("data-status", &json!("reconnect"))
    );
    assert!(
        last.is_transient() && exit.success(),
        "{exit}: {}",
        last.raw
    );
    stack.copilot.start().await;
    let rest = chat.resume(head.last_cursor()).events().to_finish().await;
    assert_eq!(mended([&head, &rest]).unwrap().text(), "one two");
    let turn = chat.turn_of(&head).until_status("completed").await;
    assert_eq!(turn["attempt"], 2);
    assert_eq!(chat.last_message().await["content"], "one two");
    stack.finish().await;
}

#[tokio::test]
async fn a_turn_that_ends_within_the_drain_ends_as_ever() {
    let mut stack = TestStack::builder()
        .env("COPILOT__SERVER__SHUTDOWN_DELAY_SECONDS", "0")
        .start()
        .await;
    let gate = Gate::new();
    stack.llm.script([text("one ").gate(&gate).and_text("two")]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("count").await;
    events.until_text(|text| text == "one ").await;

    stack.copilot.sigterm();
    gate.release();
    let seen = events.to_finish().await;
    let exit = stack.copilot.wait_exit(LIMIT).await;

    assert_eq!(seen.fold().unwrap().text(), "one two");
    assert!(exit.success(), "{exit}");
    stack.copilot.start().await;
    assert_eq!(chat.turn_of(&seen).get().await["attempt"], 1);
    stack.finish().await;
}

#[tokio::test]
async fn readiness_fails_first_and_the_server_still_answers() {
    let mut stack = TestStack::builder()
        .env("COPILOT__SERVER__SHUTDOWN_DELAY_SECONDS", "2")
        .start()
        .await;
    let chat = Conversation::begin(&stack).await;

    // An executor that is told to stop takes nothing new, so only the server is told.
    stack.copilot.api(0).signal("TERM");
    until_not_ready(&stack).await;
    let answer = chat.ask("still there?").await;

    assert_eq!(answer.text(), "ok");
    assert_eq!(stack.client.get("/livez").answer().await.status, 200);
    assert!(stack.copilot.api_mut(0).wait_exit(LIMIT).await.success());
    stack.copilot.start().await;
    stack.finish().await;
}

#[tokio::test]
async fn an_idle_program_stops_quickly_on_either_signal() {
    let mut stack = with_short_drain().start().await;

    for signal in ["TERM", "INT"] {
        stack.copilot.signal(signal);
        let exit = stack.copilot.wait_exit(Duration::from_secs(5)).await;
        assert!(exit.success(), "{signal}: {exit}");
        stack.copilot.start().await;
    }

    stack.finish().await;
}

#[tokio::test]
async fn a_second_signal_stops_at_once_and_loses_nothing() {
    let mut stack = TestStack::start().await;
    let never = Gate::new();
    stack
        .llm
        .script([text("x").gate_first_byte(&never), text("done")]);
    let turn = stack.client.turn("hi").await;
    never.reached().await;
    stack.copilot.sigterm();
    until_not_ready(&stack).await;

    stack.copilot.sigterm();
    stack.copilot.wait_exit(Duration::from_secs(4)).await;

    stack.copilot.start().await;
    turn.until_status("completed").await;
    assert_eq!(turn.events().to_finish().await.text(), "done");
    stack.finish().await;
}

#[tokio::test]
async fn a_waiting_turn_waits_over_the_restart() {
    let mut stack = with_short_drain().start().await;
    let never = Gate::new();
    stack.llm.script([
        text("x").gate_first_byte(&never),
        text("first"),
        text("second"),
    ]);
    let chat = Conversation::begin(&stack).await;
    chat.background("one").await;
    never.reached().await;
    let waiting = chat.background("two").await;

    stack.copilot.sigterm();
    stack.copilot.wait_exit(LIMIT).await;
    stack.copilot.start().await;
    waiting.until_status("completed").await;

    let messages = chat.messages().await;
    assert_eq!(
        each(&messages, "content"),
        ["one", "first", "two", "second"]
    );
    stack.finish().await;
}
