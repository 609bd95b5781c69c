//! What a Prometheus reads.

use std::time::Duration;

use copilot_harness::deadline::{DEADLINE, poll_until};
use copilot_harness::{Copilot, Gate, Metrics, TestStack, calls, status, text};
use http::Method;
use serde_json::json;

use crate::conversation::Conversation;

/// The metrics of the contract and their types.
const CONTRACT: [(&str, &str); 15] = [
    ("copilot_turns_total", "counter"),
    ("copilot_turns_active", "gauge"),
    ("copilot_turn_queue_seconds", "histogram"),
    ("copilot_turn_first_chunk_seconds", "histogram"),
    ("copilot_turn_seconds", "histogram"),
    ("copilot_turn_attempts_total", "counter"),
    ("copilot_cancel_seconds", "histogram"),
    ("copilot_sse_connections", "gauge"),
    ("copilot_sse_events_total", "counter"),
    ("copilot_tool_seconds", "histogram"),
    ("copilot_llm_tokens_total", "counter"),
    ("copilot_executor_capacity", "gauge"),
    ("copilot_user_messages_total", "counter"),
    ("copilot_http_requests_total", "counter"),
    ("copilot_http_request_seconds", "histogram"),
];

/// Scrape until `settled`.
async fn metrics_when(copilot: &Copilot, settled: impl Fn(&Metrics) -> bool) -> Metrics {
    let settled = &settled;
    poll_until(
        DEADLINE,
        || "the metrics come to what is expected".to_owned(),
        || async move { settled(&copilot.metrics().await) },
    )
    .await;
    copilot.metrics().await
}

fn assert_values(metrics: &Metrics, expected: &[(&str, u32)]) {
    for (series, value) in expected {
        let found = metrics.value(series);
        assert!(
            (found - f64::from(*value)).abs() < 1e-9,
            "{series} is {found}, not {value}"
        );
    }
}

#[tokio::test]
async fn every_metric_of_the_contract_is_there_from_the_start() {
    let stack = TestStack::builder()
        .env("COPILOT__EXECUTOR__CONCURRENCY", "7")
        .start()
        .await;

    let metrics = stack.copilot.metrics().await;

    for (name, kind) in CONTRACT {
        assert_eq!(metrics.kind(name), Some(kind), "{name}");
    }
    let expected = [
        ("copilot_executor_capacity", 7),
        ("copilot_turns_active", 0),
        ("copilot_turns_total{status=\"completed\"}", 0),
    ];
    assert_values(&metrics, &expected);
    stack.finish().await;
}

#[tokio::test]
async fn a_known_conversation_is_counted_exactly() {
    let stack = TestStack::builder()
        .env("COPILOT__LLM__MODEL", "fake-1")
        .start()
        .await;
    let never = Gate::new();
    stack.llm.script([
        calls("search_docs", json!({"query": "cancel"}))
            .call("no_such_tool", json!({}))
            .usage(100, 10, 60, 0),
        text("Found it.").usage(200, 20, 0, 5),
        status(401),
        text("one two").gate(&never),
    ]);
    let chat = Conversation::begin(&stack).await;
    let answer = chat.ask("How do I cancel?").await;
    chat.ask("and this fails").await;
    let mut running = chat.open("count").await;
    running.until_text(|text| text == "one two").await;
    let waiting = chat.background("wait").await;
    let during = stack.copilot.metrics().await;
    waiting.cancel().await;
    chat.cancel(None).ok().await;
    let stopped = running.to_finish().await;
    chat.cancel(None).ok().await;
    // Neither an attach nor an assistant's message is a user's message.
    let greeting = chat
        .say("Hello, I am here.")
        .field("is_user_message", false);
    greeting.message_id("m-1").events().to_finish().await;
    let again = chat
        .say("Hello, I am here.")
        .field("is_user_message", false);
    again.message_id("m-1").events().to_finish().await;

    let expected = [
        ("copilot_turns_active", 1),
        ("copilot_sse_connections", 1),
        ("copilot_turns_total{status=\"completed\"}", 1),
        ("copilot_turns_total{status=\"failed\"}", 1),
    ];
    assert_values(&during, &expected);
    let metrics = metrics_when(&stack.copilot, |metrics| {
        metrics.sum("copilot_turns_active") + metrics.sum("copilot_sse_connections") < 0.5
    })
    .await;
    let expected = [
        ("copilot_turns_total{status=\"completed\"}", 2),
        ("copilot_turns_total{status=\"failed\"}", 1),
        ("copilot_turns_total{status=\"cancelled\"}", 2),
        ("copilot_turn_attempts_total", 4),
        ("copilot_turn_queue_seconds_count", 4),
        ("copilot_turn_first_chunk_seconds_count", 3),
        ("copilot_turn_seconds_count", 4),
        ("copilot_cancel_seconds_count", 2),
        ("copilot_user_messages_total", 4),
        (
            "copilot_llm_tokens_total{model=\"fake-1\",kind=\"cached_input\"}",
            60,
        ),
        (
            "copilot_llm_tokens_total{model=\"fake-1\",kind=\"reasoning\"}",
            5,
        ),
        (
            "copilot_tool_seconds_count{tool=\"search_docs\",outcome=\"ok\"}",
            1,
        ),
        (
            "copilot_tool_seconds_count{tool=\"unknown\",outcome=\"rejected\"}",
            1,
        ),
    ];
    assert_values(&metrics, &expected);
    // Of all turns together the metric has what the turns themselves say.
    let (mut input, mut output) = (0, 0);
    let turns = chat.client.list_turns(&chat.id).ok().await;
    for turn in turns["turns"].as_array().unwrap() {
        input += turn["usage"]["input_tokens"].as_u64().unwrap();
        output += turn["usage"]["output_tokens"].as_u64().unwrap();
    }
    let expected = [
        (
            "copilot_llm_tokens_total{model=\"fake-1\",kind=\"input\"}",
            u32::try_from(input).unwrap(),
        ),
        (
            "copilot_llm_tokens_total{model=\"fake-1\",kind=\"output\"}",
            u32::try_from(output).unwrap(),
        ),
    ];
    assert_values(&metrics, &expected);
    let stream = "copilot_http_requests_total{method=\"POST\",route=\"/api/chat/sessions/:id/stream\",status=\"200\"}";
    assert_values(&metrics, &[(stream, 5)]);
    let shown = answer.events.len() + stopped.events.len();
    assert!(metrics.sum("copilot_sse_events_total") > f64::from(u32::try_from(shown).unwrap()));
    stack.finish().await;
}

#[tokio::test]
async fn each_background_loop_tells_its_rounds() {
    let stack = TestStack::start().await;
    let done =
        |task: &str| format!("copilot_background_rounds_total{{task=\"{task}\",outcome=\"done\"}}");
    let tasks = [
        "heartbeat",
        "claiming",
        "closing",
        "finishing_streams",
        "keeping_streams",
        "expiring",
        "purging",
        "consuming",
        "listening_for_cancels",
    ];
    metrics_when(&stack.copilot, |metrics| {
        tasks.iter().all(|task| metrics.value(&done(task)) >= 1.0)
    })
    .await;
    stack.finish().await;
}

#[tokio::test]
async fn deleted_and_taken_over_turns_are_counted_once() {
    let mut stack = TestStack::start().await;
    let never = Gate::new();
    stack.llm.script([
        text("one ").gate(&never),
        text("whole"),
        text("x").gate(&never),
    ]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("count").await;
    events.until_text(|text| text == "one ").await;
    let turn = chat.turn_of(events.seen());

    stack.restart().await;
    turn.until_status("completed").await;
    let doomed = Conversation::begin(&stack).await;
    let lost = doomed.background("never mind").await;
    lost.until_status("running").await;
    stack.client.delete_session(&doomed.id).status(204).await;

    let metrics = metrics_when(&stack.copilot, |metrics| {
        metrics.sum("copilot_turns_active") < 0.5 && metrics.sum("copilot_turns_total") > 1.5
    })
    .await;
    let expected = [
        ("copilot_turns_total{status=\"completed\"}", 1),
        ("copilot_turns_total{status=\"cancelled\"}", 1),
        ("copilot_turn_attempts_total", 2),
        // A takeover has not waited, and the turn's first piece was shown before.
        ("copilot_turn_queue_seconds_count", 1),
        ("copilot_turn_seconds_count", 2),
    ];
    assert_values(&metrics, &expected);
    stack.finish().await;
}

#[tokio::test]
async fn connections_that_break_off_are_not_counted_as_open() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([text("one ").gate(&gate)]);
    let chat = Conversation::begin(&stack).await;
    let mut readers = vec![chat.open("count").await];
    for _ in 0..9 {
        readers.push(chat.apart().resume(None).open().await);
    }
    for reader in &mut readers {
        reader.until_text(|text| text == "one ").await;
    }
    let open = stack.copilot.metrics().await;
    assert_values(&open, &[("copilot_sse_connections", 10)]);

    drop(readers);

    metrics_when(&stack.copilot, |metrics| {
        metrics.sum("copilot_sse_connections") < 0.5
    })
    .await;
    gate.release();
    stack.finish().await;
}

/// Series in all, without those that come by themselves with the first rounds of loops.
fn size(metrics: &Metrics) -> usize {
    metrics.size() - metrics.series("copilot_background_rounds_total").count()
}

#[tokio::test]
async fn no_client_and_no_model_can_make_up_labels() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    stack
        .llm
        .script([calls("search_docs", json!({"query": "x"})), text("ok")]);
    chat.ask("warm up").await;
    stack.client.get("/no/such/route").status(404).await;
    stack.client.get("/api/chat/odd/stream").status(204).await;
    stack.client.get_session("odd").status(404).await;
    stack
        .client
        .call(&Method::from_bytes(b"ODD").unwrap(), "/")
        .status(405)
        .await;
    stack.llm.script([calls("odd_tool", json!({})), text("ok")]);
    chat.say("odd").field("model", "odd").problem(422).await;
    chat.ask("odd").await;
    let before = size(&stack.copilot.metrics().await);

    for n in 0..250 {
        stack.client.get(&format!("/odd-{n}/x")).status(404).await;
        stack
            .client
            .get(&format!("/api/chat/odd-{n}/stream"))
            .status(204)
            .await;
        stack
            .client
            .get_session(&format!("odd-{n}"))
            .status(404)
            .await;
        let method = Method::from_bytes(format!("ODD{n}").as_bytes()).unwrap();
        stack.client.call(&method, "/").status(405).await;
        let model = format!("odd-{n}");
        chat.say("hi").field("model", model).problem(422).await;
    }
    for n in 0..20 {
        stack
            .llm
            .script([calls(format!("odd_tool_{n}"), json!({})), text("ok")]);
        chat.ask("odd").await;
    }

    let after = stack.copilot.metrics().await;
    assert_eq!(size(&after), before, "{:?}", after.label("route"));
    for label in ["route", "tool", "model", "method"] {
        let odd = |value: &&str| value.contains("odd");
        assert!(
            !after.label(label).iter().any(odd),
            "{:?}",
            after.label(label)
        );
    }
    stack.finish().await;
}

#[tokio::test]
async fn metrics_are_on_their_own_port_alone() {
    let stack = TestStack::start().await;

    stack.client.get("/metrics").status(404).await;

    let metrics = stack.copilot.metrics_url();
    let base = metrics.strip_suffix("/metrics").unwrap();
    let operators = copilot_harness::Client::new(base);
    for path in ["/", "/api/chat/sessions", "/livez", "/docs"] {
        operators.get(path).status(404).await;
    }
    operators.post("/metrics").status(405).await;
    stack.finish().await;
}

#[tokio::test]
async fn a_metrics_port_in_use_is_named_and_off_means_off() {
    let stack = TestStack::start().await;
    let metrics = stack.copilot.metrics_url();
    let address = metrics
        .trim_start_matches("http://")
        .trim_end_matches("/metrics");
    let mut second = Copilot::new().env("COPILOT__METRICS__LISTEN", address);

    second.spawn();
    let exit = second.wait_exit(Duration::from_secs(20)).await;

    assert!(!exit.success());
    let log = second.log();
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(
        log.contains("metrics.listen") && log.contains(address),
        "{log}"
    );
    let mut third = Copilot::new().env("COPILOT__METRICS__LISTEN", "off");
    third.start().await;
    third.client().create_session().await;
    stack.finish().await;
}
