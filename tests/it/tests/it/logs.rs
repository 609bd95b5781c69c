//! What an operator reads in the log, and what nobody must find there.

use std::time::Duration;

use copilot_harness::{FakeWebhook, Gate, TestStack, calls, status, text};
use serde_json::{Value, json};

use crate::conversation::Conversation;

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The names of a line's own fields.
fn fields(line: &Value) -> Vec<&str> {
    let frame = ["timestamp", "level", "message", "target", "spans"];
    let line = line.as_object().unwrap();
    let mut own: Vec<&str> = line.keys().map(String::as_str).collect();
    own.retain(|name| !frame.contains(name));
    own.sort_unstable();
    own
}

/// A field of one of the line's spans.
fn in_span<'a>(line: &'a Value, name: &str) -> &'a Value {
    let spans = line["spans"].as_array().expect("spans").iter();
    let mut found = spans.filter_map(|span| span.get(name));
    found.next().unwrap_or(&Value::Null)
}

fn assert_numbers(line: &Value, names: &[&str]) {
    for name in names {
        assert!(line[name].is_u64(), "{name} is no number: {line}");
    }
}

#[tokio::test]
async fn a_conversation_leaves_one_line_for_each_thing_that_ended() {
    let stack = TestStack::start().await;
    stack.llm.script([
        calls("search_docs", json!({"query": "cancel"})).usage(10, 5, 0, 0),
        text("Found it.").usage(20, 7, 0, 0),
    ]);
    let chat = Conversation::begin(&stack).await;
    let asking = chat.say("How do I cancel?").header("x-request-id", "ask-1");
    let answer = asking.events().to_finish().await;
    let turn = answer.turn_id();
    chat.read().await;

    let accepted = stack.copilot.line("turn accepted", Some(turn)).await;
    let expected = [
        "commit",
        "files",
        "message_length",
        "publish",
        "session_id",
        "total",
        "turn_id",
    ];
    assert_eq!(fields(&accepted), expected);
    assert_eq!(
        (&accepted["message_length"], &accepted["files"]),
        (&json!(16), &json!(0))
    );
    assert_numbers(&accepted, &["commit", "publish", "total"]);
    assert_eq!(in_span(&accepted, "request_id"), "ask-1");

    let claimed = stack.copilot.line("turn claimed", Some(turn)).await;
    assert_eq!(
        fields(&claimed),
        ["attempt", "queued", "session_id", "turn_id"]
    );
    assert_eq!(claimed["attempt"], 1);
    assert_numbers(&claimed, &["queued"]);

    let finished = stack.copilot.line("turn finished", Some(turn)).await;
    let expected = [
        "attempt",
        "finish_reason",
        "first_delta",
        "session_id",
        "status",
        "steps",
        "tokens",
        "tools",
        "total",
        "turn_id",
    ];
    assert_eq!(fields(&finished), expected);
    let told = [&finished["status"], &finished["finish_reason"]];
    assert_eq!(told, ["completed", "stop"]);
    let counted = [&finished["steps"], &finished["tools"], &finished["tokens"]];
    assert_eq!(counted, [2, 1, 42]);
    assert_numbers(&finished, &["first_delta", "total"]);
    assert_eq!(in_span(&finished, "attempt"), 1);
    assert_eq!(in_span(&finished, "user_id"), "local");

    let closed = stack.copilot.line("sse closed", Some(turn)).await;
    let expected = [
        "bytes",
        "chunks",
        "first_event",
        "reason",
        "resumed",
        "session_id",
        "total",
        "turn_id",
    ];
    assert_eq!(fields(&closed), expected);
    assert_eq!(
        (&closed["reason"], &closed["resumed"]),
        (&json!("finished"), &json!(false))
    );
    assert_numbers(&closed, &["bytes", "chunks", "first_event", "total"]);
    assert_eq!(in_span(&closed, "request_id"), "ask-1");

    let read = stack.copilot.line("session read", None).await;
    assert_eq!(fields(&read), ["messages", "session_id", "total"]);
    assert_eq!(read["session_id"], chat.id.as_str());
    for message in [
        "turn accepted",
        "turn claimed",
        "turn finished",
        "sse closed",
    ] {
        let lines = stack.copilot.log_lines();
        let of_turn = |line: &&Value| line["message"] == message && line["turn_id"] == turn;
        assert_eq!(lines.iter().filter(of_turn).count(), 1, "{message}");
        assert!(
            lines
                .iter()
                .filter(of_turn)
                .all(|line| line["level"] == "INFO")
        );
    }
    stack.finish().await;
}

#[tokio::test]
async fn cancels_say_what_they_came_to() {
    let stack = TestStack::start().await;
    let never = Gate::new();
    stack.llm.script([text("one two").gate(&never)]);
    let chat = Conversation::begin(&stack).await;
    let mut running = chat.open("count").await;
    running.until_text(|text| text == "one two").await;
    let waiting = chat.background("and then").await;

    waiting.cancel().await;
    let dequeued = stack.copilot.line("turn finished", Some(&waiting.id)).await;
    chat.cancel(None).ok().await;
    let seen = running.to_finish().await;
    chat.cancel(None).ok().await;

    assert_eq!(dequeued["status"], "cancelled");
    let told = [&dequeued["steps"], &dequeued["first_delta"]];
    assert_eq!(told, [&json!(0), &Value::Null]);
    let stopped = stack
        .copilot
        .line("turn finished", Some(seen.turn_id()))
        .await;
    assert_eq!(
        (&stopped["status"], &stopped["finish_reason"]),
        (&json!("cancelled"), &json!("interrupted"))
    );
    assert!(
        stopped["tokens"].as_u64() > Some(0),
        "a stopped reply counts: {stopped}"
    );
    let lines = stack.copilot.log_lines();
    let cancels: Vec<&Value> = lines
        .iter()
        .filter(|line| line["message"] == "cancel")
        .collect();
    let outcomes: Vec<&str> = cancels
        .iter()
        .filter_map(|line| line["outcome"].as_str())
        .collect();
    assert_eq!(outcomes, ["dequeued", "stopped", "no_active_session"]);
    for line in cancels {
        assert_eq!(fields(line), ["outcome", "session_id", "waited"]);
        assert_numbers(line, &["waited"]);
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_closed_stream_says_why() {
    let stack = TestStack::builder()
        .env("COPILOT__STREAM__CONNECTION_SECONDS", "1")
        .start()
        .await;
    let gate = Gate::new();
    stack.llm.script([text("one ").gate(&gate).and_text("two")]);
    let chat = Conversation::begin(&stack).await;
    let mut first = chat.open("count").await;
    first.until_text(|text| text == "one ").await;
    let turn = first.seen().turn_id().to_owned();
    drop(first);
    let gone = stack.copilot.line("sse closed", Some(&turn)).await;
    assert_eq!(
        (&gone["reason"], &gone["resumed"]),
        (&json!("client_gone"), &json!(false))
    );

    chat.resume(None).events().to_end().await.assert_broken();
    let mut last = chat.resume(None).open().await;
    gate.release();
    last.to_end().await;

    let lines = stack.copilot.log_lines();
    let closed = lines.iter().filter(|line| line["message"] == "sse closed");
    let reasons: Vec<(&str, bool)> = closed
        .map(|line| {
            (
                line["reason"].as_str().unwrap(),
                line["resumed"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        reasons[..2],
        [("client_gone", false), ("connection_limit", true)]
    );
    stack.finish().await;
}

#[tokio::test]
async fn a_stream_that_the_server_breaks_says_so() {
    let mut stack = TestStack::builder()
        .env("COPILOT__SERVER__SHUTDOWN_DELAY_SECONDS", "0")
        .env("COPILOT__SERVER__DRAIN_TIMEOUT_SECONDS", "0")
        .env("COPILOT__EXECUTOR__DRAIN_TIMEOUT_SECONDS", "0.1")
        .start()
        .await;
    let never = Gate::new();
    stack.llm.script([text("one ").gate(&never)]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("count").await;
    events.until_text(|text| text == "one ").await;

    stack.copilot.sigterm();
    events.to_end().await.assert_broken();
    stack.copilot.wait_exit(Duration::from_secs(20)).await;

    let turn = events.seen().turn_id();
    let closed = stack.copilot.line("sse closed", Some(turn)).await;
    assert_eq!(closed["reason"], "shutdown");
}

#[tokio::test]
async fn a_slow_turn_is_warned_of_and_a_fast_one_is_not() {
    let stack = TestStack::builder()
        .env("COPILOT__LOG__SLOW_TURN_SECONDS", "0.2")
        .start()
        .await;
    stack.llm.script([
        text("fast"),
        text("slow").first_byte_delay(Duration::from_millis(300)),
    ]);
    let chat = Conversation::begin(&stack).await;
    let fast = chat.ask("hi").await;
    let slow = chat.ask("hi").await;

    let warned = stack.copilot.line("slow turn", None).await;

    assert_eq!(
        (&warned["turn_id"], &warned["level"]),
        (&json!(slow.turn_id()), &json!("WARN"))
    );
    assert!(
        warned["total"].as_u64() >= Some(300) && warned["limit"] == 200,
        "{warned}"
    );
    let lines = stack.copilot.log_lines();
    let is_fast =
        |line: &Value| line["message"] == "slow turn" && line["turn_id"] == fast.turn_id();
    assert!(!lines.iter().any(is_fast));
    stack.finish().await;
}

#[tokio::test]
async fn the_callers_trace_goes_with_the_request_and_with_its_turn() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    let traced = chat.say("hi").header("traceparent", TRACEPARENT);
    let answer = traced.events().to_finish().await;
    let read = stack.client.get_session(&chat.id);
    let echoed = read.header("traceparent", TRACEPARENT).answer().await;
    let broken = stack.client.get_session(&chat.id);
    let dropped = broken.header("traceparent", "00-broken-01").answer().await;

    assert_eq!(echoed.header("traceparent"), Some(TRACEPARENT));
    assert_eq!(dropped.header("traceparent"), None);
    for message in [
        "turn accepted",
        "turn claimed",
        "turn finished",
        "sse closed",
    ] {
        let line = stack.copilot.line(message, Some(answer.turn_id())).await;
        assert_eq!(in_span(&line, "trace_id"), TRACE_ID, "{line}");
    }
    stack.finish().await;
}

/// Whatever people and models say, under a mark; and secrets under another.
struct Marked {
    stack: TestStack,
    webhook: FakeWebhook,
}

impl Marked {
    async fn start(level: &str) -> Self {
        let webhook = FakeWebhook::start().await;
        let stack = TestStack::builder()
            .env("COPILOT__LOG__LEVEL", level)
            .env("COPILOT__TRACKING__KIND", "webhook")
            .env(
                "COPILOT__TRACKING__URL",
                webhook.url("/SECRET-hook?key=SECRET-query"),
            )
            .env("COPILOT__LLM__HEADERS", "x-extra=SECRET-header")
            .env("COPILOT__LLM__MAX_RETRIES", "0")
            .env("OPENAI_API_KEY", "SECRET-key")
            .start()
            .await;
        Self { stack, webhook }
    }

    /// A whole conversation, with a failure, a cancel and wrong requests.
    async fn talk(&self) -> String {
        let Self { stack, webhook } = self;
        webhook.answer([500]);
        let never = Gate::new();
        stack.llm.script([
            calls("search_docs", json!({"query": "MARKED-input"})),
            text("MARKED-answer").reasoning("MARKED-thought"),
            status(401).error_code("invalid_api_key", "wrong key SECRET-key"),
            status(500).error_code("server_error", "the proxy saw SECRET-header"),
            text("MARKED-partial").gate(&never),
        ]);
        let chat = Conversation::begin(stack).await;
        let context = json!({"content": "MARKED-context"});
        let asking = chat.say("MARKED-message").field("context", context);
        let asking = asking
            .token("SECRET-token")
            .header("cookie", "SECRET-cookie");
        asking.events().to_finish().await;
        chat.ask("MARKED-second").await;
        chat.ask("MARKED-third").await;
        let mut events = chat.open("MARKED-fourth").await;
        events.until_text(|text| text == "MARKED-partial").await;
        chat.cancel(None).ok().await;
        stack.client.rename(&chat.id, "MARKED-title").ok().await;
        let wrong = chat.say("MARKED-wrong").field("file_ids", "MARKED-file");
        wrong.problem(422).await;
        let wrong = stack
            .client
            .post(&format!("/api/chat/sessions/{}/stream", chat.id));
        wrong
            .raw_body("application/json", "{\"message\": MARKED-raw")
            .problem(400)
            .await;
        let query = stack.client.list_sessions().query("limit", "MARKED-query");
        query.problem(422).await;
        let chat_id = "/api/chat/MARKED-chat/stream";
        stack.client.get(chat_id).status(204).await;
        stack.client.delete_session(&chat.id).status(204).await;
        webhook.received_at_least(5).await;
        stack
            .copilot
            .line("sse closed", Some(events.seen().turn_id()))
            .await;
        stack.copilot.log()
    }
}

fn lines_with<'a>(log: &'a str, mark: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(mark)).collect()
}

#[tokio::test]
async fn no_words_and_no_secrets_are_in_the_log() {
    let marked = Marked::start("info").await;

    let log = marked.talk().await;

    assert!(log.contains("turn finished") && log.contains("a model call failed"));
    assert_eq!(lines_with(&log, "MARKED"), [""; 0]);
    assert_eq!(lines_with(&log, "SECRET"), [""; 0]);
}

#[tokio::test]
async fn no_secrets_are_in_the_log_even_at_debug() {
    let marked = Marked::start("debug").await;

    let log = marked.talk().await;

    assert!(log.contains("\"DEBUG\""), "it is a log at debug");
    assert_eq!(lines_with(&log, "SECRET"), [""; 0]);
}

#[tokio::test]
async fn a_person_reads_lines_and_a_machine_reads_json() {
    let pretty = TestStack::builder()
        .env("COPILOT__LOG__FORMAT", "pretty")
        .env("COPILOT__LOG__LEVEL", "warn,copilot_api=info")
        .start()
        .await;
    let chat = Conversation::begin(&pretty).await;
    chat.ask("hi").await;
    chat.read().await;

    let log = pretty.copilot.log();

    assert!(
        log.contains("session read") && !log.contains("turn finished"),
        "{log}"
    );
    assert!(pretty.copilot.log_lines().is_empty(), "{log}");
    pretty.finish().await;
}
