//! Many things at once: each turn keeps one end, each client its own answer.

use std::time::Duration;

use copilot_harness::client::user_message;
use copilot_harness::{Gate, Reply, TestStack, Transcript, text};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::conversation::{Conversation, lasting_end, messages_of, told};

fn start_for_many() -> copilot_harness::stack::StackBuilder {
    TestStack::builder()
        .env("COPILOT__TURN__MAX_RUNNING_PER_USER", "100")
        .env("COPILOT__TURN__MAX_IN_FLIGHT_PER_USER", "100")
}

/// Assert that stream, replay and row tell the same end.
async fn assert_one_end(chat: &Conversation, seen: &Transcript) -> Value {
    let turn = chat.turn_of(seen);
    let row = turn.get().await;
    let is_cancelled = row["status"] == "cancelled";
    assert_eq!(
        seen.of("abort").count(),
        usize::from(is_cancelled),
        "{row}: {:?}",
        seen.kinds()
    );
    let replay = turn.events().to_finish().await;
    assert_eq!(replay.fold().unwrap(), seen.fold().unwrap());
    let messages = chat.messages().await;
    let own = messages
        .iter()
        .filter(|message| message["turn_id"] == row["id"] && message["role"] == "assistant");
    let stored: String = own
        .map(|message| message["content"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(stored, seen.text());
    row
}

#[tokio::test]
async fn many_conversations_at_once_are_never_mixed_up() {
    let stack = start_for_many().start().await;
    stack.llm.respond(|asked| {
        let text = asked.last_user_text();
        let name = text
            .split_whitespace()
            .find(|word| word.starts_with("client-"))
            .unwrap_or_default()
            .to_owned();
        Reply::words(30)
            .and_text(name)
            .delay_between(Duration::from_millis(1))
    });

    let answers = join_all((0..40).map(async |number| {
        let chat = Conversation::begin(&stack).await;
        let seen = chat.ask(&format!("I am client-{number}-")).await;
        (chat, seen)
    }))
    .await;

    for (number, (chat, seen)) in answers.iter().enumerate() {
        assert!(
            seen.text().ends_with(&format!("client-{number}-")),
            "{number}: {}",
            seen.text()
        );
        assert_eq!(assert_one_end(chat, seen).await["status"], "completed");
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_cancel_at_any_moment_leaves_one_end_that_everyone_agrees_on() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    for deltas in 0..25 {
        stack
            .llm
            .script([Reply::words(20).delay_between(Duration::from_micros(300))]);
        let mut events = chat.open("count").await;
        events.until(|event| event.is("start")).await;
        for _ in 0..deltas {
            events.next_event().await;
        }

        let cancelled = chat.cancel(None).ok().await;

        let seen = events.to_end().await;
        let row = assert_one_end(&chat, &seen).await;
        let stopped = cancelled["reason"].is_null() || cancelled["reason"] == "dequeued";
        assert!(stopped || row["status"] == "completed", "{cancelled} {row}");
        assert_ne!(row["status"], "running");
        assert_eq!(chat.read().await["status"], "idle");
    }
    stack.finish().await;
}

#[tokio::test]
async fn of_many_interrupting_messages_the_last_one_is_answered() {
    let stack = TestStack::start().await;
    let never = Gate::new();
    stack.llm.respond(move |asked| {
        if asked.last_user_text().contains("message 7") {
            text("the last word")
        } else {
            text("half ").gate(&never)
        }
    });
    let chat = Conversation::begin(&stack).await;
    let mut streams = Vec::new();

    for number in 0..8 {
        let call = chat
            .apart()
            .say(&format!("message {number}"))
            .on_busy("interrupt");
        let mut events = call.open().await;
        events.until(|event| event.is("start")).await;
        streams.push(events);
    }

    let last = streams.pop().unwrap().to_finish().await;
    assert_eq!(last.text(), "the last word");
    for mut interrupted in streams {
        let seen = interrupted.to_finish().await;
        assert_eq!(lasting_end(&seen), ["abort", "finish"]);
        assert_one_end(&chat, &seen).await;
    }
    stack.finish().await;
}

#[tokio::test]
async fn at_any_moment_an_answer_is_either_in_the_stream_or_in_the_session() {
    let stack = TestStack::start().await;
    stack
        .llm
        .script([Reply::words(100).delay_between(Duration::from_millis(1))]);
    let chat = Conversation::begin(&stack).await;
    let turn = chat.background("count").await;

    loop {
        let session = chat.read().await;
        let shown = messages_of(&session);
        let is_active = session["active_stream"]["turn_id"] == turn.id.as_str();
        assert_eq!(shown.len(), if is_active { 1 } else { 2 }, "{session}");
        assert_eq!(session["status"] == "idle", !is_active, "{session}");
        if !is_active {
            break;
        }
    }

    assert_eq!(turn.get().await["status"], "completed");
    stack.finish().await;
}

#[tokio::test]
async fn a_reader_that_falls_behind_gets_everything_and_holds_nobody_up() {
    let stack = TestStack::start().await;
    stack.llm.script([Reply::words(60_000).burst()]);
    let chat = Conversation::begin(&stack).await;
    let mut slow = chat.open("count").await;
    slow.until(|event| event.is("start")).await;
    let turn = chat.turn_of(slow.seen());

    let quick = turn.events().to_finish().await;
    turn.until_status("completed").await;
    let seen = slow.to_finish().await;

    let words: Vec<String> = (0..60_000).map(|number| format!("word{number} ")).collect();
    assert!(quick.text() == words.concat(), "the quick reader's text");
    assert!(seen.text() == words.concat(), "the slow reader's text");
    stack.finish().await;
}

#[tokio::test]
async fn a_new_chat_that_is_asked_twenty_times_at_once_is_one_session_with_one_turn() {
    let stack = TestStack::start().await;

    let answers = join_all((0..20).map(async |_| {
        let call = stack
            .client
            .apart()
            .ai_sdk_send("chat-1", [user_message("m-1", "hi")]);
        call.events().to_finish().await
    }))
    .await;

    assert!(
        answers
            .iter()
            .all(|answer| answer.turn_id() == answers[0].turn_id())
    );
    assert_eq!(stack.client.list_sessions().ok().await["total"], 1);
    assert_eq!(stack.llm.requests().len(), 1);
    stack.finish().await;
}

#[tokio::test]
async fn cancels_at_once_all_succeed() {
    let stack = TestStack::start().await;
    let never = Gate::new();
    stack.llm.script([text("half ").gate(&never)]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("count").await;
    events.until_text(|text| text == "half ").await;

    let cancelled = join_all((0..10).map(async |_| chat.apart().cancel(None).ok().await)).await;

    assert!(cancelled.iter().all(|answer| answer["cancelled"] == true));
    let seen = events.to_finish().await;
    assert_eq!(seen.of("abort").count(), 1);
    assert_one_end(&chat, &seen).await;
    stack.finish().await;
}

#[tokio::test]
async fn a_session_deleted_in_any_state_is_gone() {
    let stack = TestStack::start().await;
    stack
        .llm
        .respond(|_| Reply::words(10).delay_between(Duration::from_millis(1)));

    for deltas in 0..12 {
        let chat = Conversation::begin(&stack).await;
        let mut events = chat.open("count").await;
        events.until(|event| event.is("start")).await;
        for _ in 0..deltas {
            events.next_event().await;
        }
        let deleted = join_all(
            (0..3).map(async |_| chat.apart().client.delete_session(&chat.id).answer().await),
        )
        .await;

        assert!(deleted.iter().any(|answer| answer.status == 204));
        assert!(
            deleted
                .iter()
                .all(|answer| answer.status == 204 || answer.status == 404)
        );
        let seen = events.to_end().await;
        assert!(seen.fold().is_ok(), "{:?}", seen.kinds());
        chat.client.get_session(&chat.id).problem(404).await;
    }
    assert_eq!(
        stack.client.list_sessions().ok().await,
        json!({"sessions": [], "total": 0})
    );
    stack.finish().await;
}

#[tokio::test]
async fn a_waiting_turn_that_was_cancelled_with_the_running_one_never_starts() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    for _ in 0..30 {
        let never = Gate::new();
        stack.llm.script([text("half ").gate(&never)]);
        chat.background("the running message").await;
        never.reached().await;
        let waiting =
            join_all((0..3).map(async |_| chat.background("the waiting message").await)).await;

        chat.cancel(None).ok().await;

        for turn in waiting {
            assert_eq!(
                turn.until_status("cancelled").await["started_at"],
                Value::Null
            );
        }
    }
    chat.ask("the last message").await;

    let asked = told(stack.llm.requests().last().unwrap());
    assert!(asked.contains("the running message") && !asked.contains("the waiting message"));
    stack.finish().await;
}
