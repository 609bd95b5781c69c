//! The fake model, asked by a plain HTTP client.

use std::time::{Duration, Instant};

use reqwest::Response;
use serde_json::{Value, json};

use super::{FakeUpstream, Gate, Record, Reply, calls, chunks, status, text};
use crate::sse::{SseItem, SseParser};

fn question(said: &str) -> Value {
    json!({
        "model": "gpt-x",
        "stream": true,
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": said}],
    })
}

async fn ask(upstream: &FakeUpstream, body: &Value) -> Response {
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(format!("{}chat/completions", upstream.base_url()))
        .bearer_auth("key")
        .json(body)
        .send()
        .await
        .unwrap()
}

/// The `data` lines, and whether the body ended cleanly.
async fn read(mut response: Response) -> (Vec<String>, bool) {
    let mut parser = SseParser::default();
    let mut lines = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => lines.extend(parser.push(&bytes).into_iter().map(data)),
            Ok(None) => return (lines, true),
            Err(_) => return (lines, false),
        }
    }
}

fn data(item: SseItem) -> String {
    match item {
        SseItem::Event(event) => event.data,
        other => panic!("a model sends data only: {other:?}"),
    }
}

fn json_of(lines: &[String]) -> Vec<Value> {
    lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn deltas(lines: &[String]) -> Vec<Value> {
    let chunks = json_of(lines).into_iter();
    chunks
        .map(|chunk| chunk["choices"][0]["delta"].clone())
        .collect()
}

fn content(lines: &[String]) -> String {
    deltas(lines)
        .iter()
        .filter_map(|delta| delta["content"].as_str())
        .collect()
}

#[tokio::test]
async fn text_comes_in_the_chunks_of_the_real_protocol() {
    let upstream = FakeUpstream::start().await;
    upstream.script([text("Hello wörld").usage(3, 5, 1, 2)]);
    let mut body = question("hi");
    body["stream_options"] = json!({"include_usage": true});

    let (lines, is_clean) = read(ask(&upstream, &body).await).await;

    assert!(is_clean);
    assert_eq!(lines.last().unwrap(), "[DONE]");
    let chunks = json_of(&lines);
    assert_eq!(chunks[0]["object"], "chat.completion.chunk");
    assert_eq!(chunks[0]["model"], "gpt-x");
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(chunks[0]["choices"][0]["finish_reason"], Value::Null);
    assert_eq!(chunks[0]["usage"], Value::Null);
    assert_eq!(
        chunks[1]["choices"][0]["delta"],
        json!({"content": "Hello "})
    );
    assert_eq!(
        chunks[2]["choices"][0]["delta"],
        json!({"content": "wörld"})
    );
    assert_eq!(chunks[3]["choices"][0]["finish_reason"], "stop");
    assert_eq!(chunks[4]["choices"], json!([]));
    assert_eq!(chunks[4]["usage"]["prompt_tokens"], 3);
    assert_eq!(chunks[4]["usage"]["total_tokens"], 8);
    assert_eq!(
        chunks[4]["usage"]["prompt_tokens_details"]["cached_tokens"],
        1
    );
    assert_eq!(
        chunks[4]["usage"]["completion_tokens_details"]["reasoning_tokens"],
        2
    );
    assert_eq!(upstream.violations(), [""; 0]);
    let requests = upstream.requests();
    assert_eq!(requests[0].last_user_text(), "hi");
    assert_eq!(requests[0].headers["authorization"], "Bearer key");
}

#[tokio::test]
async fn calls_come_in_fragments_beside_each_other_after_reasoning_and_text() {
    let upstream = FakeUpstream::start().await;
    let arguments = json!({"query": "where is the ü?"});
    upstream.script([Reply::text_then_calls("I look", "find", arguments.clone())
        .call("other", json!({}))
        .reasoning("hm hm")]);

    let (lines, _) = read(ask(&upstream, &question("hi")).await).await;

    let deltas = deltas(&lines);
    let reasons: Vec<&str> = deltas
        .iter()
        .filter_map(|delta| delta["reasoning_content"].as_str())
        .collect();
    assert_eq!(reasons, ["hm ", "hm"]);
    assert_eq!(deltas[1]["reasoning_content"], "hm ");
    assert_eq!(content(&lines), "I look");
    let parts: Vec<&Value> = deltas
        .iter()
        .filter_map(|delta| delta["tool_calls"].get(0))
        .collect();
    assert_eq!(parts[0]["function"]["name"], "find");
    assert_eq!(parts[0]["type"], "function");
    let of = |index: usize| -> String {
        let of_call = parts.iter().filter(|part| part["index"] == index);
        of_call
            .filter_map(|part| part["function"]["arguments"].as_str())
            .collect()
    };
    assert_eq!(serde_json::from_str::<Value>(&of(0)).unwrap(), arguments);
    assert_eq!(of(1), "{}");
    let ids: Vec<&str> = parts
        .iter()
        .filter_map(|part| part["id"].as_str())
        .collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    let last = json_of(&lines).pop().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn without_a_stream_the_whole_answer_comes_at_once() {
    let upstream = FakeUpstream::start().await;
    upstream.script([
        text("a title"),
        calls("find", json!({"q": 1})),
        text("x").cut_after(0),
    ]);
    let mut body = question("hi");
    body["stream"] = json!(false);

    let title: Value = ask(&upstream, &body).await.json().await.unwrap();
    let call: Value = ask(&upstream, &body).await.json().await.unwrap();
    let cut = ask(&upstream, &body).await.bytes().await;

    assert_eq!(title["object"], "chat.completion");
    assert_eq!(title["choices"][0]["message"]["content"], "a title");
    let made = &call["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(made["function"]["arguments"], r#"{"q":1}"#);
    assert_eq!(call["choices"][0]["finish_reason"], "tool_calls");
    assert!(cut.is_err());
}

#[tokio::test]
async fn rules_go_before_the_script_before_the_hook_before_the_default() {
    let upstream = FakeUpstream::start().await;
    upstream.default_reply(text("default"));
    let said = async |asked: &str| content(&read(ask(&upstream, &question(asked)).await).await.0);

    assert_eq!(said("x").await, "default");
    upstream.respond(|request| text(format!("hook {}", request.last_user_text())));
    upstream.script([text("scripted")]);
    upstream.when(|asked| asked.contains("rule"), [text("ruled")]);

    assert_eq!(said("my rule").await, "ruled");
    assert_eq!(said("my rule").await, "scripted");
    assert_eq!(said("my rule").await, "hook my rule");
}

#[tokio::test]
async fn a_gate_holds_the_reply_until_it_is_released() {
    let upstream = FakeUpstream::start().await;
    let gate = Gate::new();
    upstream.script([text("before ").gate(&gate).and_text("after")]);

    let mut response = ask(&upstream, &question("hi")).await;
    gate.reached().await;
    let mut parser = SseParser::default();
    let mut lines = Vec::new();
    while content(&lines) != "before " {
        let bytes = response.chunk().await.unwrap().unwrap();
        lines.extend(parser.push(&bytes).into_iter().map(data));
    }
    assert_eq!(upstream.open_replies(), 1);
    gate.release();
    let (rest, is_clean) = read(response).await;

    assert!(is_clean);
    assert_eq!(content(&rest), "after");
    upstream.idle().await;
    assert_eq!(upstream.abandoned_replies(), 0);
}

#[tokio::test]
async fn a_gate_before_the_first_byte_holds_the_headers() {
    let upstream = FakeUpstream::start().await;
    let gate = Gate::new();
    upstream.script([text("x").gate_first_byte(&gate)]);

    let body = question("hi");
    let mut asking = Box::pin(ask(&upstream, &body));
    tokio::select! {
        _ = &mut asking => panic!("the headers came through a closed gate"),
        () = gate.reached() => {}
    }
    gate.release();

    assert_eq!(content(&read(asking.await).await.0), "x");
}

#[tokio::test]
async fn a_reply_that_the_client_breaks_off_is_counted() {
    let upstream = FakeUpstream::start().await;
    let gate = Gate::new();
    upstream.script([text("never").gate_after(0, &gate)]);

    let response = ask(&upstream, &question("hi")).await;
    gate.reached().await;
    drop(response);
    upstream.idle().await;

    assert_eq!(upstream.abandoned_replies(), 1);
}

#[tokio::test]
async fn errors_have_status_body_and_retry_after() {
    let upstream = FakeUpstream::start().await;
    upstream.script([
        status(429).retry_after(7),
        status(500),
        status(401),
        status(400).error_code("context_length_exceeded", "too long"),
    ]);
    let mut answers = Vec::new();
    for _ in 0..4 {
        let answer = ask(&upstream, &question("hi")).await;
        let retry = answer.headers().get("retry-after").cloned();
        let code = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        answers.push((
            code,
            retry.map(|value| value.to_str().unwrap().to_owned()),
            body,
        ));
    }

    assert_eq!(answers[0].0, 429);
    assert_eq!(answers[0].1.as_deref(), Some("7"));
    assert_eq!(answers[0].2["error"]["code"], "rate_limit_exceeded");
    assert_eq!(answers[1].0, 500);
    assert_eq!(answers[1].2["error"]["type"], "server_error");
    assert_eq!(answers[2].2["error"]["code"], "invalid_api_key");
    assert_eq!(answers[3].2["error"]["message"], "too long");
}

#[tokio::test]
async fn a_cut_breaks_the_body_after_what_was_sent() {
    let upstream = FakeUpstream::start().await;
    upstream.script([text("one two three").cut_after(2)]);

    let (lines, is_clean) = read(ask(&upstream, &question("hi")).await).await;

    assert!(!is_clean);
    assert_eq!(content(&lines), "one two ");
}

#[tokio::test]
async fn a_truncated_body_and_one_without_done_end_cleanly() {
    let upstream = FakeUpstream::start().await;
    upstream.script([
        text("one two").truncated_after(1),
        text("one").end_without_done(),
    ]);

    let (truncated, is_clean) = read(ask(&upstream, &question("hi")).await).await;
    assert!(is_clean);
    assert_eq!(content(&truncated), "one ");
    let (ended, is_clean) = read(ask(&upstream, &question("hi")).await).await;
    assert!(is_clean);
    assert_eq!(
        json_of(&ended).last().unwrap()["choices"][0]["finish_reason"],
        "stop"
    );
    assert!(!ended.contains(&"[DONE]".to_owned()));
}

#[tokio::test]
async fn a_stall_sends_nothing_more_and_keeps_the_connection() {
    let upstream = FakeUpstream::start().await;
    upstream.script([text("one two").stall_after(1)]);

    let reading = read(ask(&upstream, &question("hi")).await);
    let outcome = tokio::time::timeout(Duration::from_millis(100), reading).await;

    assert!(outcome.is_err());
}

#[tokio::test]
async fn garbage_and_errors_stand_between_the_chunks() {
    let upstream = FakeUpstream::start().await;
    upstream.script([Reply::garbage(), Reply::error_in_stream("one two", 1)]);

    let (garbage, _) = read(ask(&upstream, &question("hi")).await).await;
    assert_eq!(garbage[2], "{not json");
    assert_eq!(garbage.last().unwrap(), "[DONE]");
    let (failed, is_clean) = read(ask(&upstream, &question("hi")).await).await;
    assert!(is_clean);
    let last = json_of(&failed).pop().unwrap();
    assert_eq!(last["error"]["type"], "server_error");
}

#[tokio::test]
async fn delays_are_kept() {
    let upstream = FakeUpstream::start().await;
    let delay = Duration::from_millis(20);
    upstream.script([
        Reply::slow_first_byte("x", delay),
        chunks(["a", "b", "c"]).delay_between(delay),
    ]);

    let begun = Instant::now();
    let response = ask(&upstream, &question("hi")).await;
    assert!(begun.elapsed() >= delay);
    drop(response);
    let begun = Instant::now();
    read(ask(&upstream, &question("hi")).await).await;
    assert!(begun.elapsed() >= 3 * delay);
}

#[tokio::test]
async fn an_invalid_request_is_told_with_its_number() {
    let upstream = FakeUpstream::start().await;
    let mut body = question("hi");
    read(ask(&upstream, &body).await).await;
    body["messages"][1] = json!({"role": "assistant", "content": ""});
    read(ask(&upstream, &body).await).await;

    assert_eq!(
        upstream.violations(),
        ["request 1: message 1 is an empty assistant message"]
    );
}

#[tokio::test]
async fn a_dropped_upstream_answers_nobody() {
    let upstream = FakeUpstream::start().await;
    upstream.script([text("one two").stall_after(1)]);
    let response = ask(&upstream, &question("hi")).await;

    drop(upstream);

    assert!(
        !read(response).await.1,
        "the stalled reply breaks with its server"
    );
}

#[tokio::test]
async fn a_burst_is_one_frame_and_the_server_is_fast() {
    let upstream = FakeUpstream::start_on(0, Record::Nothing).await;
    upstream.default_reply(Reply::words(200).burst());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}chat/completions", upstream.base_url());

    let begun = Instant::now();
    for _ in 0..20 {
        let sent = client
            .post(&url)
            .bearer_auth("key")
            .json(&question("hi"))
            .send()
            .await;
        let body = sent.unwrap().text().await.unwrap();
        assert_eq!(body.matches("word199 ").count(), 1);
    }
    let rate = 4_000.0 / begun.elapsed().as_secs_f64();

    println!("{rate:.0} deltas/s in this build");
    assert!(upstream.requests().is_empty());
}
