//! What one response says, in which order, and when.

use std::collections::HashSet;
use std::time::Duration;

use copilot_harness::client::Item;
use copilot_harness::{BodyEnd, Gate, Reply, TestStack, calls, chunks, text};
use serde_json::json;

use crate::conversation::{Conversation, lasting};

#[tokio::test]
async fn a_plain_answer_comes_in_due_order() {
    let stack = TestStack::start().await;
    stack.llm.script([text("Hello there")]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("hi").await;

    let expected = [
        "start",
        "start-step",
        "text-start",
        "text-delta",
        "text-end",
        "finish-step",
        "finish",
    ];
    assert_eq!(lasting(&answer), expected);
    assert_eq!(answer.fold().unwrap().text(), "Hello there");
    stack.finish().await;
}

#[tokio::test]
async fn start_names_session_turn_and_the_message_that_is_stored() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("hi").await;

    let start = &answer.first("start").json;
    assert_eq!(start["messageMetadata"]["sessionId"], chat.id.as_str());
    let turn = chat.turn_of(&answer).get().await;
    assert_eq!(turn["session_id"], chat.id.as_str());
    let stored = chat.last_message().await;
    assert_eq!(stored["role"], "assistant");
    assert_eq!(stored["id"], start["messageId"]);
    assert_eq!(stored["turn_id"], turn["id"]);
    stack.finish().await;
}

#[tokio::test]
async fn the_response_has_the_headers_of_a_stream_that_nobody_holds_back() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    let call = chat.say("hi").header("accept-encoding", "gzip, br, zstd");
    let answer = call.events().to_finish().await;

    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("connection", "keep-alive"),
        ("x-accel-buffering", "no"),
        ("x-vercel-ai-ui-message-stream", "v1"),
    ] {
        assert_eq!(answer.headers[name], value, "{name}");
    }
    assert!(!answer.headers["x-request-id"].is_empty());
    assert!(!answer.headers.contains_key("content-encoding"));
    assert!(!answer.headers.contains_key("content-length"));
    stack.finish().await;
}

#[tokio::test]
async fn the_first_bytes_leave_before_the_model_says_anything() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([text("late").gate_first_byte(&gate)]);
    let chat = Conversation::begin(&stack).await;

    let mut events = chat.open("hi").await;
    let first = events.next_item().await;
    events.until(|event| event.is("start")).await;

    assert!(
        matches!(&first, Item::Comment(padding) if padding.len() > 1_000),
        "no padding: {first:?}"
    );
    gate.reached().await;
    gate.release();
    assert_eq!(events.to_finish().await.text(), "late");
    stack.finish().await;
}

#[tokio::test]
async fn each_delta_arrives_while_the_model_still_speaks() {
    let stack = TestStack::start().await;
    let gates = [Gate::new(), Gate::new(), Gate::new()];
    let words = ["one ", "two ", "three "];
    let reply = words
        .iter()
        .zip(&gates)
        .fold(Reply::default(), |reply, (word, gate)| {
            reply.and_text(word).gate(gate)
        });
    stack.llm.script([reply]);
    let chat = Conversation::begin(&stack).await;

    let mut events = chat.open("count").await;
    let mut heard = String::new();
    for (word, gate) in words.iter().zip(&gates) {
        heard.push_str(word);
        events.until_text(|text| text == heard).await;
        gate.release();
    }

    assert_eq!(events.to_finish().await.text(), "one two three ");
    stack.finish().await;
}

#[tokio::test]
async fn a_silent_turn_sends_heartbeats() {
    let stack = TestStack::builder()
        .env("COPILOT__STREAM__HEARTBEAT_SECONDS", "1")
        .start()
        .await;
    let gate = Gate::new();
    stack.llm.script([text("at last").gate_first_byte(&gate)]);
    let chat = Conversation::begin(&stack).await;

    let mut events = chat.open("hi").await;
    let padding = events.next_comment().await;
    let beats = [events.next_comment().await, events.next_comment().await];

    assert!(padding.trim().is_empty(), "{padding:?}");
    assert_eq!(beats, [" heartbeat", " heartbeat"]);
    gate.release();
    events.to_finish().await;
    stack.finish().await;
}

#[tokio::test]
async fn reasoning_comes_in_a_block_of_its_own_and_is_no_text() {
    let stack = TestStack::start().await;
    stack
        .llm
        .script([text("It is four.").reasoning("two and two")]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("2 + 2?").await;

    assert_eq!(answer.reasoning(), "two and two");
    assert_eq!(answer.text(), "It is four.");
    let kinds = lasting(&answer);
    assert_eq!(
        kinds[2..8],
        [
            "reasoning-start",
            "reasoning-delta",
            "reasoning-end",
            "text-start",
            "text-delta",
            "text-end"
        ]
    );
    assert_eq!(chat.last_message().await["content"], "It is four.");
    stack.finish().await;
}

#[tokio::test]
async fn finish_tells_the_usage_of_all_steps_and_why_the_turn_ended() {
    let stack = TestStack::start().await;
    stack.llm.script([
        calls("search_docs", json!({"query": "turns"})).usage(100, 20, 40, 5),
        text("done").usage(150, 10, 90, 0),
    ]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("hi").await;

    let metadata = &answer.first("finish").json["messageMetadata"];
    let usage = json!({
        "input_tokens": 250, "output_tokens": 30, "cached_input_tokens": 130,
        "reasoning_tokens": 5, "total_tokens": 280, "estimated": false,
    });
    assert_eq!(metadata["usage"], usage);
    assert_eq!(metadata["finishReason"], "stop");
    assert_eq!(metadata["turnId"], answer.turn_id());
    let turn = chat.turn_of(&answer).get().await;
    assert_eq!(
        (&turn["usage"], &turn["finish_reason"]),
        (&usage, &json!("stop"))
    );
    stack.finish().await;
}

#[tokio::test]
async fn a_reply_that_was_cut_short_by_the_model_says_so() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    for (said, told) in [("length", "length"), ("content_filter", "content-filter")] {
        stack.llm.script([text("so far").finish_reason(said)]);
        let answer = chat.ask("go on").await;

        let metadata = &answer.first("finish").json["messageMetadata"];
        assert_eq!(metadata["finishReason"], told);
        let turn = chat.turn_of(&answer).get().await;
        assert_eq!(
            (&turn["status"], &turn["finish_reason"]),
            (&json!("completed"), &json!(told))
        );
    }
    stack.finish().await;
}

#[tokio::test]
async fn every_stored_event_has_a_cursor_of_its_own_and_passing_ones_have_none() {
    let stack = TestStack::start().await;
    stack.llm.script([
        Reply::text_then_calls("I look. ", "search_docs", json!({"query": "turns"}))
            .reasoning("hm"),
        text("Found it."),
    ]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("hi").await;

    let mut cursors = HashSet::new();
    for event in &answer.events {
        match &event.cursor {
            Some(cursor) => assert!(cursors.insert(cursor), "{cursor} twice: {}", event.raw),
            None => assert!(event.is_transient(), "no cursor: {}", event.raw),
        }
        assert!(
            !event.is_transient() || event.cursor.is_none(),
            "{}",
            event.raw
        );
    }
    stack.finish().await;
}

#[tokio::test]
async fn text_of_any_kind_arrives_as_it_was_said() {
    let stack = TestStack::start().await;
    let pieces = [
        "é",
        "\n\n",
        "data: x\r\n",
        "👩‍👩‍👧 ",
        "\"\\",
        "\u{2028}",
        "<b>",
        "",
        "末",
    ];
    stack.llm.script([chunks(pieces)]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("hi").await;

    assert_eq!(answer.text(), pieces.concat());
    assert_eq!(chat.last_message().await["content"], pieces.concat());
    stack.finish().await;
}

#[tokio::test]
async fn a_model_that_says_nothing_ends_the_turn_and_is_not_quoted_later() {
    let stack = TestStack::start().await;
    stack.llm.script([Reply::default(), text("Now I do.")]);
    let chat = Conversation::begin(&stack).await;

    let empty = chat.ask("say nothing").await;
    let next = chat.ask("and now?").await;

    assert_eq!(empty.text(), "");
    assert_eq!(next.text(), "Now I do.");
    assert_eq!(chat.messages().await.len(), 4);
    stack.finish().await;
}

#[tokio::test]
async fn a_response_of_limited_life_breaks_and_goes_on_after_its_cursor() {
    let stack = TestStack::builder()
        .env("COPILOT__STREAM__CONNECTION_SECONDS", "1")
        .start()
        .await;
    let gate = Gate::new();
    stack.llm.script([text("one ").gate(&gate).and_text("two")]);
    let chat = Conversation::begin(&stack).await;

    let head = chat
        .open("count")
        .await
        .deadline(Duration::from_secs(10))
        .to_end()
        .await;
    head.assert_broken();
    let last = head.events.last().unwrap();
    assert_eq!(
        (last.kind(), &last.json["data"]["message"]),
        ("data-status", &json!("reconnect"))
    );
    assert!(last.is_transient());
    let mut events = chat.resume(head.last_cursor()).open().await;
    gate.release();
    let rest = events.to_finish().await;

    assert_eq!(rest.end, Some(BodyEnd::Clean));
    assert_eq!(
        crate::pieces::joined(&head, &rest).unwrap().text(),
        "one two"
    );
    stack.finish().await;
}
