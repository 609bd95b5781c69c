//! A model that fails, in every way: what the client sees, and what stays.

use std::time::Duration;

use copilot_harness::{Gate, Reply, TestStack, Transcript, calls, status, text};
use serde_json::{Value, json};

use crate::conversation::{Conversation, each, lasting, lasting_end, told};

/// Assert that a turn failed in due form: in the stream, in its row and after a reload.
pub(crate) async fn assert_failed(chat: &Conversation, seen: &Transcript, code: &str) {
    assert_eq!(
        lasting_end(seen),
        ["data-error", "error", "finish"],
        "{:?}",
        seen.kinds()
    );
    let told = &seen.first("data-error").json["data"];
    assert_eq!(told["code"], code, "{told}");
    assert!(
        told["message"].is_string() && told["retryable"].is_boolean(),
        "{told}"
    );
    let sentence = seen.first("error").str("errorText");
    assert!(
        sentence.contains(' ') && !sentence.contains("sk-test-key"),
        "{sentence}"
    );
    assert_eq!(
        seen.first("finish").json["messageMetadata"]["finishReason"],
        "error"
    );
    seen.fold().unwrap();

    let turn = chat.turn_of(seen).get().await;
    assert_eq!(
        (&turn["status"], &turn["finish_reason"]),
        (&json!("failed"), &json!("error"))
    );
    for field in ["code", "message", "retryable"] {
        assert_eq!(turn["error"][field], told[field], "{field}");
    }
    let shown = chat.last_message().await;
    assert_eq!(
        (&shown["role"], &shown["turn_id"]),
        (&json!("assistant"), &turn["id"])
    );
    assert_eq!(shown["content"].as_str().unwrap_or_default(), seen.text());
    assert_eq!(shown["metadata"]["error"]["code"], code);
    assert_eq!(shown["metadata"]["finish_reason"], "error");
    assert_eq!(chat.read().await["status"], "idle");
}

#[tokio::test]
async fn a_wrong_key_fails_at_once_and_is_the_operators_business() {
    let stack = TestStack::start().await;
    stack.llm.script([status(401)]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_failed(&chat, &seen, "llm_auth").await;
    assert_eq!(seen.first("data-error").json["data"]["retryable"], false);
    assert_eq!(stack.llm.requests().len(), 1);
    assert_eq!(chat.ask("and now?").await.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn a_model_that_asks_for_a_pause_gets_it_and_is_asked_again() {
    let stack = TestStack::start().await;
    stack
        .llm
        .script([status(429).retry_after(1), text("Here I am.")]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_eq!(seen.text(), "Here I am.");
    assert!(seen.time_to("text-delta") >= Some(Duration::from_secs(1)));
    assert_eq!(seen.of("start-step").count(), 1);
    assert_eq!(stack.llm.requests().len(), 2);
    stack.finish().await;
}

#[tokio::test]
async fn a_limit_that_does_not_pass_tells_when_to_come_back() {
    let stack = TestStack::builder()
        .env("COPILOT__LLM__MAX_RETRIES", "0")
        .start()
        .await;
    stack.llm.script([status(429).retry_after(7)]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_failed(&chat, &seen, "llm_rate_limited").await;
    let told = &seen.first("data-error").json["data"];
    assert_eq!(
        (&told["retryable"], &told["retry_after_seconds"]),
        (&json!(true), &json!(7))
    );
    stack.finish().await;
}

#[tokio::test]
async fn three_faults_of_the_server_are_not_shown() {
    let stack = TestStack::start().await;
    stack
        .llm
        .script([status(500), status(503), status(502), text("At last.")]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_eq!(seen.fold().unwrap().text(), "At last.");
    assert_eq!(stack.llm.requests().len(), 4);
    stack.finish().await;
}

#[tokio::test]
async fn a_server_that_keeps_failing_is_unavailable() {
    let stack = TestStack::builder()
        .env("COPILOT__LLM__MAX_RETRIES", "1")
        .start()
        .await;
    stack.llm.script([status(500), status(500)]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_failed(&chat, &seen, "llm_unavailable").await;
    assert_eq!(seen.first("data-error").json["data"]["retryable"], true);
    assert_eq!(stack.llm.requests().len(), 2);
    stack.finish().await;
}

#[tokio::test]
async fn where_no_server_is_the_model_is_unavailable() {
    let stack = TestStack::builder()
        .env("COPILOT__LLM__MAX_RETRIES", "0")
        .env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
        .start()
        .await;
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_failed(&chat, &seen, "llm_unavailable").await;
    stack.finish().await;
}

#[tokio::test]
async fn the_next_model_is_asked_when_the_first_one_fails() {
    let stack = TestStack::builder()
        .env("COPILOT__LLM__MAX_RETRIES", "0")
        .env("COPILOT__LLM__MODEL", "first")
        .env("COPILOT__LLM__FALLBACK_MODELS", "second,third")
        .start()
        .await;
    stack.llm.script([status(500), text("Me instead.")]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_eq!(seen.text(), "Me instead.");
    let models: Vec<String> = stack
        .llm
        .requests()
        .iter()
        .map(|asked| asked.model().to_owned())
        .collect();
    assert_eq!(models, ["first", "second"]);
    assert_eq!(chat.last_message().await["metadata"]["model"], "second");
    stack.finish().await;
}

#[tokio::test]
async fn a_reply_that_breaks_before_its_first_word_is_asked_for_again() {
    let stack = TestStack::start().await;
    stack.llm.script([
        text("lost").cut_after(0),
        text("lost").truncated_after(0),
        Reply::error_in_stream("lost", 0),
        text("one two"),
    ]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_eq!(seen.fold().unwrap().text(), "one two");
    assert_eq!(lasting(&seen)[..3], ["start", "start-step", "text-start"]);
    assert_eq!(stack.llm.requests().len(), 4);
    stack.finish().await;
}

#[tokio::test]
async fn a_reply_that_breaks_after_its_first_word_is_kept_and_never_doubled() {
    let stack = TestStack::start().await;
    for broken in [
        text("one two three").cut_after(2),
        text("one two three").truncated_after(2),
        Reply::error_in_stream("one two three", 2),
        text("one two three").raw_after(2, "data: {not json\n\n"),
    ] {
        stack.llm.script([broken]);
        let chat = Conversation::begin(&stack).await;
        let before = stack.llm.requests().len();

        let seen = chat.ask("count").await;

        assert_eq!(seen.text(), "one two ");
        assert_failed(&chat, &seen, "stream_error").await;
        assert_eq!(stack.llm.requests().len(), before + 1);
        chat.ask("go on").await;
        let asked = stack.llm.requests()[before + 1].clone();
        assert!(told(&asked).contains("one two "));
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_break_inside_a_call_answers_the_call() {
    let stack = TestStack::start().await;
    let call = calls("search_docs", json!({"query": "a rather long question"}));
    stack.llm.script([call.cut_after(3)]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_failed(&chat, &seen, "stream_error").await;
    assert_eq!(seen.of("tool-output-error").count(), 1);
    assert_eq!(chat.ask("again").await.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn a_model_that_falls_silent_is_left() {
    let stack = TestStack::builder()
        .env("COPILOT__LLM__IDLE_TIMEOUT_SECONDS", "1")
        .start()
        .await;
    let never = Gate::new();
    stack.llm.script([
        text("never").gate_first_byte(&never),
        text("never").stall_after(0),
        text("one two").stall_after(1),
    ]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("count").await;

    assert_eq!(seen.text(), "one ");
    assert_failed(&chat, &seen, "stream_error").await;
    assert_eq!(stack.llm.requests().len(), 3);
    stack.finish().await;
}

#[tokio::test]
async fn a_slow_first_byte_is_no_fault() {
    let stack = TestStack::start().await;
    stack.llm.script([Reply::slow_first_byte(
        "worth the wait",
        Duration::from_millis(1500),
    )]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_eq!(seen.text(), "worth the wait");
    assert_eq!(stack.llm.requests().len(), 1);
    stack.finish().await;
}

#[tokio::test]
async fn a_conversation_that_does_not_fit_and_a_request_that_is_refused_have_their_own_codes() {
    let stack = TestStack::start().await;
    let too_long = status(400).error_code(
        "context_length_exceeded",
        "maximum context length is 8192 tokens",
    );
    let refused =
        status(400).error_code("content_policy_violation", "rejected by the safety system");
    for (reply, code) in [(too_long, "context_too_long"), (refused, "llm_refused")] {
        stack.llm.script([reply]);
        let chat = Conversation::begin(&stack).await;

        let seen = chat.ask("hi").await;

        assert_failed(&chat, &seen, code).await;
        assert_eq!(seen.first("data-error").json["data"]["retryable"], false);
    }
    assert_eq!(stack.llm.requests().len(), 2);
    stack.finish().await;
}

#[tokio::test]
async fn a_failure_in_a_later_step_keeps_the_earlier_ones() {
    let stack = TestStack::start().await;
    stack.llm.script([
        calls("search_docs", json!({"query": "errors"})),
        status(401),
    ]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("hi").await;

    assert_failed(&chat, &seen, "llm_auth").await;
    assert_eq!(seen.of("tool-output-available").count(), 1);
    let messages = chat.messages().await;
    assert_eq!(
        each(&messages, "role"),
        ["user", "assistant", "tool", "assistant"]
    );
    assert_eq!(chat.ask("again").await.text(), "ok");
    assert_eq!(stack.llm.requests()[2].tool_results().len(), 1);
    stack.finish().await;
}

#[tokio::test]
async fn a_turn_that_takes_too_long_ends() {
    let stack = TestStack::builder()
        .env("COPILOT__TURN__TIMEOUT_SECONDS", "2")
        .start()
        .await;
    let never = Gate::new();
    stack.llm.script([text("one ").gate(&never)]);
    let chat = Conversation::begin(&stack).await;

    let seen = chat.ask("count").await;

    assert_failed(&chat, &seen, "turn_timeout").await;
    assert_eq!(seen.text(), "one ");
    stack.llm.idle().await;
    assert_eq!(chat.ask("again").await.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn a_waiting_turn_does_not_age() {
    let stack = TestStack::builder()
        .env("COPILOT__TURN__TIMEOUT_SECONDS", "2")
        .start()
        .await;
    let (never, gate) = (Gate::new(), Gate::new());
    stack.llm.script([
        text("x").gate_first_byte(&never),
        text("second").gate_first_byte(&gate),
    ]);
    let chat = Conversation::begin(&stack).await;
    let slow = chat.background("one").await;
    let waiting = chat.background("two").await;

    slow.until_status("failed").await;
    gate.reached().await;
    gate.release();
    let ended = waiting.until_status("completed").await;

    assert_eq!(ended["error"], Value::Null);
    stack.finish().await;
}

#[tokio::test]
async fn the_log_holds_neither_the_conversation_nor_the_key() {
    let stack = TestStack::start().await;
    stack.llm.script([text("a-secret-answer"), status(401)]);
    let chat = Conversation::begin(&stack).await;

    chat.ask("a-secret-question").await;
    chat.ask("another-secret-question").await;

    let log = stack.copilot.log();
    for secret in ["a-secret-answer", "secret-question", "sk-test-key"] {
        assert!(!log.contains(secret), "{secret}");
    }
    assert!(log.contains("turn finished"));
    stack.finish().await;
}
