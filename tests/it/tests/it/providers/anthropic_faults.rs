//! What goes wrong over Anthropic's messages, and what the client is told.

use copilot_harness::{Gate, Reply, calls, status, text};
use serde_json::json;

use super::anthropic;
use crate::conversation::Conversation;
use crate::errors::assert_failed;

#[tokio::test]
async fn each_refusal_has_its_code() {
    let stack = anthropic()
        .env("COPILOT__LLM__MAX_RETRIES", "0")
        .start()
        .await;
    let too_long = status(400).error_code("invalid_request_error", "prompt is too long: 9 > 8");
    for (reply, code) in [
        (status(401), "llm_auth"),
        (status(403), "llm_auth"),
        (status(404), "llm_refused"),
        (status(413), "context_too_long"),
        (too_long, "context_too_long"),
        (status(429), "llm_rate_limited"),
        (status(500), "llm_unavailable"),
        (status(529), "llm_unavailable"),
    ] {
        stack.llm.script([reply]);
        let chat = Conversation::begin(&stack).await;

        let seen = chat.ask("hi").await;

        assert_failed(&chat, &seen, code).await;
        assert!(!chat.read().await.to_string().contains("sk-ant"));
    }
    assert_eq!(stack.llm.requests().len(), 8);
    stack.finish().await;
}

#[tokio::test]
async fn a_limit_tells_when_to_come_back() {
    let stack = anthropic()
        .env("COPILOT__LLM__MAX_RETRIES", "0")
        .start()
        .await;
    stack.llm.script([status(429).retry_after(7)]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_failed(&chat, &seen, "llm_rate_limited").await;
    assert_eq!(
        seen.first("data-error").json["data"]["retry_after_seconds"],
        7
    );
    stack.finish().await;
}

#[tokio::test]
async fn what_fails_before_its_first_word_is_asked_for_again() {
    let stack = anthropic().start().await;
    stack.llm.script([
        status(529),
        Reply::anthropic_error_in_stream("never", 0, "overloaded_error"),
        text("never").cut_after(0),
        text("At last."),
    ]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_eq!(seen.fold().unwrap().text(), "At last.");
    assert_eq!(stack.llm.requests().len(), 4);
    stack.finish().await;
}

#[tokio::test]
async fn what_breaks_after_its_first_word_keeps_it_and_is_not_asked_for_again() {
    let stack = anthropic().start().await;
    for broken in [
        Reply::anthropic_error_in_stream("one two", 1, "overloaded_error"),
        text("one two").cut_after(1),
        text("one two").truncated_after(1),
        text("one ").end_without_done(),
        text("one two").raw_after(1, "event: x\ndata: {garbage\n\n"),
    ] {
        stack.llm.script([broken]);
        let chat = Conversation::begin(&stack).await;

        let seen = chat.ask("count").await;

        assert_eq!(seen.text(), "one ");
        assert_failed(&chat, &seen, "stream_error").await;
        assert_eq!(chat.ask("again").await.text(), "ok");
    }
    assert_eq!(stack.llm.requests().len(), 10);
    stack.finish().await;
}

#[tokio::test]
async fn a_call_that_breaks_off_is_answered_and_the_history_stays_valid() {
    let stack = anthropic().start().await;
    let call = calls("search_docs", json!({"query": "a rather long question"}));
    stack.llm.script([call.reasoning("hm").cut_after(4)]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_failed(&chat, &seen, "stream_error").await;
    assert_eq!(seen.of("tool-output-error").count(), 1);
    assert_eq!(chat.ask("again").await.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn a_model_that_falls_silent_is_left() {
    let stack = anthropic()
        .env("COPILOT__LLM__IDLE_TIMEOUT_SECONDS", "1")
        .start()
        .await;
    let never = Gate::new();
    stack.llm.script([
        text("never").gate_first_byte(&never),
        text("one two").stall_after(1),
    ]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("count").await;

    assert_eq!(seen.text(), "one ");
    assert_failed(&chat, &seen, "stream_error").await;
    assert_eq!(stack.llm.requests().len(), 2);
    stack.finish().await;
}

#[tokio::test]
async fn a_reply_that_the_model_ends_early_says_why() {
    let stack = anthropic().start().await;
    let chat = Conversation::begin(&stack).await;
    for (said, told) in [
        ("max_tokens", "length"),
        ("refusal", "content-filter"),
        ("pause_turn", "other"),
    ] {
        stack.llm.script([text("so far").finish_reason(said)]);
        let answer = chat.ask("go on").await;
        let metadata = &answer.first("finish").json["messageMetadata"];
        assert_eq!(metadata["finishReason"], told);
    }
    stack.finish().await;
}
