//! One event for each message of a person, sent without anyone waiting for it.

use std::time::{Duration, Instant};

use copilot_harness::{FakeWebhook, Gate, TestStack};
use serde_json::{Value, json};

use crate::conversation::Conversation;

async fn stack_with(url: String) -> TestStack {
    TestStack::builder()
        .env("COPILOT__TRACKING__KIND", "webhook")
        .env("COPILOT__TRACKING__URL", url)
        .env("COPILOT__SERVER__SHUTDOWN_DELAY_SECONDS", "0")
        .start()
        .await
}

#[tokio::test]
async fn each_message_of_a_person_is_told_once_and_without_its_text() {
    let webhook = FakeWebhook::start().await;
    let stack = stack_with(webhook.url("/hook")).await;
    let chat = Conversation::begin(&stack).await;

    let greeting = chat.say("Welcome!").field("is_user_message", false);
    greeting.events().to_finish().await;
    let asking = || chat.say("Grüße, private words").message_id("m-1");
    let answer = asking()
        .field("file_ids", json!(["x"]))
        .events()
        .to_finish()
        .await;
    asking()
        .field("file_ids", json!(["x"]))
        .events()
        .to_finish()
        .await;
    chat.say(" ").problem(422).await;
    let second = chat.background("and more").await;

    let events = webhook.received_at_least(2).await;
    let of = |turn: &str| {
        events
            .iter()
            .find(|event| event["turn_id"] == turn)
            .unwrap()
    };
    let mut first = of(answer.turn_id()).clone();
    let at = first.as_object_mut().unwrap().remove("at").unwrap();
    assert_eq!(
        first,
        json!({
            "event": "user_message",
            "user_id": "local",
            "session_id": chat.id,
            "turn_id": answer.turn_id(),
            "message_length": 20,
            "file_count": 1,
        })
    );
    let row = chat.turn_of(&answer).get().await;
    let whole_second = |time: &Value| time.as_str().unwrap()[..19].to_owned();
    assert_eq!(whole_second(&at), whole_second(&row["created_at"]));
    assert_eq!(of(&second.id)["message_length"], 8);
    second.until_status("completed").await;
    assert_eq!(webhook.received().len(), 2);
    stack.finish().await;
}

#[tokio::test]
async fn a_slow_a_failing_and_an_absent_receiver_delay_nothing() {
    let webhook = FakeWebhook::start().await;
    let never = Gate::new();
    for _ in 0..8 {
        webhook.hold(&never);
    }
    let nowhere = "http://127.0.0.1:1/hook".to_owned();
    for url in [webhook.url("/slow"), nowhere] {
        let stack = stack_with(url).await;
        let chat = Conversation::begin(&stack).await;
        let began = Instant::now();
        for _ in 0..12 {
            chat.ask("hi").await;
        }
        assert!(
            began.elapsed() < Duration::from_secs(4),
            "{:?}",
            began.elapsed()
        );
        stack.finish().await;
    }
}

#[tokio::test]
async fn a_refused_event_is_sent_again_and_a_hopeless_one_is_not() {
    let webhook = FakeWebhook::start().await;
    webhook.answer([503, 429, 204, 400, 204]);
    let stack = stack_with(webhook.url("/hook")).await;
    let chat = Conversation::begin(&stack).await;

    let retried = chat.ask("one").await;
    let events = webhook.received_at_least(3).await;
    let hopeless = chat.ask("two").await;
    webhook.received_at_least(4).await;
    let last = chat.ask("three").await;
    let all = webhook.received_at_least(5).await;

    assert!(
        events
            .iter()
            .all(|event| event["turn_id"] == retried.turn_id())
    );
    assert_eq!(all[3]["turn_id"], hopeless.turn_id());
    assert_eq!(all[4]["turn_id"], last.turn_id());
    stack.finish().await;
}

#[tokio::test]
async fn what_waits_is_sent_before_the_server_stops_and_what_is_lost_is_counted() {
    let webhook = FakeWebhook::start().await;
    let mut stack = stack_with(webhook.url("/hook")).await;
    let chat = Conversation::begin(&stack).await;
    let gate = Gate::new();
    webhook.hold(&gate);
    let kept = chat.ask("one").await;
    webhook.received_at_least(1).await;

    stack.copilot.sigterm();
    gate.release();
    let exit = stack.copilot.wait_exit(Duration::from_secs(20)).await;

    assert!(exit.success());
    assert_eq!(webhook.received()[0]["turn_id"], kept.turn_id());
    assert!(!stack.copilot.log().contains("tracking events lost"));

    webhook.hold(&Gate::new());
    stack.restart().await;
    Conversation::begin(&stack).await.ask("two").await;
    webhook.received_at_least(2).await;
    stack.copilot.sigterm();
    let exit = stack.copilot.wait_exit(Duration::from_secs(20)).await;

    assert!(exit.success());
    let lost = stack.copilot.line("tracking events lost", None).await;
    assert_eq!(lost["events"], 1);
}

#[tokio::test]
async fn the_log_can_take_the_events_and_nobody_wants_them_by_default() {
    let stack = TestStack::builder()
        .env("COPILOT__TRACKING__KIND", "log")
        .start()
        .await;
    let chat = Conversation::begin(&stack).await;
    let answer = chat.ask("private words").await;

    let line = stack.copilot.line("tracking", Some(answer.turn_id())).await;

    assert_eq!(line["event"], "user_message");
    assert_eq!(
        (&line["user_id"], &line["message_length"]),
        (&json!("local"), &json!(13))
    );
    assert!(!stack.copilot.log().contains("private"));
    stack.finish().await;

    let silent = TestStack::start().await;
    Conversation::begin(&silent).await.ask("hi").await;
    assert!(!silent.copilot.log().contains("\"tracking\""));
    silent.finish().await;
}
