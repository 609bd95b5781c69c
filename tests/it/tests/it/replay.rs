//! A turn that has ended, read again.

use copilot_harness::{Gate, Reply, TestStack, Transcript, status, text};
use serde_json::json;

use crate::conversation::{Conversation, lasting};

const NOBODYS: &str = "01890000-0000-7000-8000-000000000000";

/// One session in which turns ended in every way, with what the clients saw live.
async fn ended_turns(stack: &TestStack) -> (Conversation, Vec<Transcript>) {
    let never = Gate::new();
    stack.llm.script([
        Reply::text_then_calls("I look. ", "search_docs", json!({"query": "replay"}))
            .reasoning("hm hm"),
        text("Found it."),
        status(401),
        text("half an ").gate(&never).and_text("answer"),
    ]);
    let chat = Conversation::begin(stack).await;
    let completed = chat.ask("complete").await;
    let failed = chat.ask("fail").await;
    let mut cancelled = chat.open("be cancelled").await;
    cancelled.until_text(|text| text == "half an ").await;
    chat.cancel(None).ok().await;
    let cancelled = cancelled.to_finish().await;
    (chat, vec![completed, failed, cancelled])
}

async fn assert_same(chat: &Conversation, live: &Transcript) {
    let again = chat.turn_of(live).events().to_finish().await;
    assert_eq!(again.fold().unwrap(), live.fold().unwrap());
    assert_eq!(lasting(&again), lasting(live));
    assert_eq!(again.last_cursor(), live.last_cursor());
}

#[tokio::test]
async fn a_replay_makes_the_same_message_as_the_live_stream() {
    let stack = TestStack::start().await;

    let (chat, turns) = ended_turns(&stack).await;

    for live in &turns {
        assert_same(&chat, live).await;
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_replay_after_a_restart_comes_from_what_is_saved() {
    let mut stack = TestStack::start().await;
    let (chat, turns) = ended_turns(&stack).await;

    stack.restart().await;

    for live in &turns {
        assert_same(&chat, live).await;
    }
    chat.resume(None).status(204).await;
    stack.finish().await;
}

#[tokio::test]
async fn cursors_outlive_a_restart() {
    let mut stack = TestStack::start().await;
    stack.llm.script([text("one two three")]);
    let chat = Conversation::begin(&stack).await;
    let live = chat.ask("count").await;

    stack.restart().await;

    for (place, event) in live.events.iter().enumerate() {
        let Some(cursor) = &event.cursor else {
            continue;
        };
        let rest = chat.resume(Some(cursor)).events().to_end().await;
        let pieces = live.events[..=place].iter().chain(&rest.events);
        assert_eq!(
            crate::pieces::folded(pieces).unwrap(),
            live.fold().unwrap(),
            "{}",
            event.raw
        );
    }
    stack.finish().await;
}

#[tokio::test]
async fn there_is_no_replay_of_what_is_not_there() {
    let stack = TestStack::start().await;
    let (chat, other) = (
        Conversation::begin(&stack).await,
        Conversation::begin(&stack).await,
    );
    let turn = chat.ask("hi").await.turn_id().to_owned();

    for (session, turn) in [
        (chat.id.as_str(), NOBODYS),
        (other.id.as_str(), turn.as_str()),
        (NOBODYS, turn.as_str()),
        (chat.id.as_str(), "nonsense"),
        ("nonsense", turn.as_str()),
    ] {
        stack.client.replay(session, turn, None).problem(404).await;
        stack.client.get_turn(session, turn).problem(404).await;
    }
    stack.finish().await;
}
