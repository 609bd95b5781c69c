//! Replies as bytes, over a real socket.

use super::{Dialect, OpenAiProvider};
use crate::{
    provider::{Delta, Provider as _},
    provider_error::{ProviderError, ProviderErrorKind as Kind},
    providers::{
        server::endpoint,
        wire_server::{self, HEAD, WireServer, read_request, request},
    },
};
use copilot_core::turn::{FinishReason, Usage};
use futures::StreamExt as _;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

async fn server() -> WireServer<OpenAiProvider> {
    WireServer::start(|config| OpenAiProvider::new(config, Dialect::OPENAI).unwrap()).await
}

async fn collect(provider: &OpenAiProvider) -> (Vec<Delta>, Option<ProviderError>) {
    wire_server::collect(provider, &request()).await
}

async fn answered(bytes: &str) -> (Vec<Delta>, Option<ProviderError>) {
    server().await.answered(&[bytes.as_bytes()]).await
}

async fn streamed(events: &[&str]) -> (Vec<Delta>, Option<ProviderError>) {
    let events: Vec<String> = events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect();
    answered(&format!("{HEAD}{}", events.concat())).await
}

async fn refused(status: &str, headers: &str, body: &str) -> ProviderError {
    server().await.refused(status, headers, body).await
}

fn choice(delta: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

fn finish(reason: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#)
}

fn says(text: &str) -> Delta {
    Delta::Text(text.into())
}

fn sealed(seal: &str) -> Delta {
    Delta::Reasoning {
        text: String::new(),
        signature: Some(seal.into()),
    }
}

fn starts(slot: usize, id: &str, name: &str) -> Delta {
    Delta::CallStart {
        slot,
        id: id.into(),
        name: name.into(),
    }
}

fn input(slot: usize, delta: &str) -> Delta {
    Delta::CallInput {
        slot,
        delta: delta.into(),
    }
}

#[tokio::test]
async fn text_thinking_and_usage_come_in_their_order() {
    let (deltas, error) = streamed(&[
        &choice(r#"{"role":"assistant","content":""}"#),
        &choice(r#"{"reasoning_content":"hm"}"#),
        &choice(r#"{"reasoning":"so"}"#),
        &choice(r#"{"content":"Hé"}"#),
        &choice(r#"{"content":"llo"}"#),
        &finish("length"),
        r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}}}"#,
        "[DONE]",
        &choice(r#"{"content":"too late"}"#),
    ])
    .await;

    assert!(error.is_none());
    let thinks = |text: &str| Delta::Reasoning {
        text: text.into(),
        signature: None,
    };
    let usage = Usage {
        input_tokens: 9,
        output_tokens: 4,
        cached_input_tokens: 2,
        reasoning_tokens: 1,
        total_tokens: 13,
        estimated: false,
    };
    assert_eq!(
        deltas,
        [
            thinks("hm"),
            thinks("so"),
            says("Hé"),
            says("llo"),
            Delta::Usage(usage),
            sealed("reasoning-content"),
            Delta::End(FinishReason::Length)
        ]
    );
}

#[tokio::test]
async fn arguments_come_as_what_is_new_and_calls_may_be_mixed() {
    let (deltas, error) = streamed(&[
        &choice(r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"find","arguments":""}}]}"#),
        &choice(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"q\":"}}]}"#),
        &choice(r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"get","arguments":"{"}},{"index":0,"function":{"arguments":"1}"}}]}"#),
        &choice(r#"{"tool_calls":[{"index":1,"function":{"arguments":"}"}}]}"#),
        &finish("tool_calls"),
        "[DONE]",
    ])
    .await;

    assert!(error.is_none());
    assert_eq!(
        deltas,
        [
            starts(0, "a", "find"),
            input(0, "{\"q\":"),
            starts(1, "b", "get"),
            input(1, "{"),
            input(0, "1}"),
            input(1, "}"),
            Delta::End(FinishReason::ToolCalls),
        ]
    );
}

#[tokio::test]
async fn calls_of_careless_servers_are_told_apart() {
    // All numbered 0; without a number; without an id; numbered absurdly; the input as an object;
    // the name later than the input; no name at all.
    let (deltas, error) = streamed(&[
        &choice(r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#),
        &choice(r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}]}"#),
        &choice(r#"{"tool_calls":[{"id":"c","function":{"name":"g","arguments":{"x":1}}}]}"#),
        &choice(r#"{"tool_calls":[{"function":{"name":"h","arguments":"{"}}]}"#),
        &choice(r#"{"tool_calls":[{"function":{"arguments":"}"}}]}"#),
        &choice(r#"{"tool_calls":[{"index":4000000000,"id":"d","function":{"arguments":"{\"y\""}}]}"#),
        &choice(r#"{"tool_calls":[{"index":4000000000,"id":"d","function":{"name":"i","arguments":":2}"}}]}"#),
        &choice(r#"{"tool_calls":[{"index":7,"id":"e","function":{"arguments":"{}"}}]}"#),
        &finish("stop"),
        "[DONE]",
    ])
    .await;

    assert!(error.is_none());
    assert_eq!(
        deltas,
        [
            starts(0, "a", "f"),
            input(0, "{}"),
            starts(1, "b", "f"),
            input(1, "{}"),
            starts(2, "c", "g"),
            input(2, r#"{"x":1}"#),
            starts(3, "", "h"),
            input(3, "{"),
            input(3, "}"),
            starts(4, "d", "i"),
            input(4, r#"{"y":2}"#),
            starts(5, "e", ""),
            input(5, "{}"),
            Delta::End(FinishReason::Stop),
        ]
    );
}

#[tokio::test]
async fn googles_signature_of_a_call_is_kept_whenever_it_comes() {
    let (deltas, error) = streamed(&[
        &choice(r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"S1"}}}]}"#),
        &choice(r#"{"tool_calls":[{"index":1,"id":"b","extra_content":{"google":{"thought_signature":"S2"}}}]}"#),
        &choice(r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}"#),
        &finish("stop"),
        "[DONE]",
    ])
    .await;

    assert!(error.is_none());
    assert_eq!(
        deltas,
        [
            starts(0, "a", "f"),
            input(0, "{}"),
            sealed("google-call 0 S1"),
            starts(1, "b", "g"),
            input(1, "{}"),
            sealed("google-call 1 S2"),
            Delta::End(FinishReason::Stop),
        ]
    );
}

#[tokio::test]
async fn open_routers_details_are_kept_whole() {
    let (deltas, error) = streamed(&[
        &choice(r#"{"reasoning":"h","reasoning_details":[{"type":"reasoning.text","text":"h","index":0}]}"#),
        &choice(r#"{"reasoning":"m","reasoning_details":[{"type":"reasoning.text","text":"m","index":0}]}"#),
        &choice(r#"{"reasoning_details":[{"type":"reasoning.text","signature":"S","index":0}]}"#),
        &finish("stop"),
        "[DONE]",
    ])
    .await;

    assert!(error.is_none());
    let details = r#"[{"index":0,"signature":"S","text":"hm","type":"reasoning.text"}]"#;
    assert_eq!(
        deltas[2..],
        [
            sealed(&format!("open-router-details {details}")),
            Delta::End(FinishReason::Stop)
        ]
    );
}

#[tokio::test]
async fn thinking_that_only_the_total_counts_is_output() {
    let (deltas, _) = streamed(&[
        r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":20}}"#,
        "[DONE]",
    ])
    .await;
    let usage = Usage {
        input_tokens: 9,
        output_tokens: 11,
        reasoning_tokens: 7,
        total_tokens: 20,
        ..Usage::default()
    };
    assert_eq!(deltas[0], Delta::Usage(usage));
}

#[tokio::test]
async fn a_refusal_is_shown_and_parts_are_read() {
    let (deltas, _) = streamed(&[
        &choice(r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},{"type":"text","text":"x"}]}"#),
        &choice(r#"{"refusal":"I cannot"}"#),
        &finish("stop"),
        "[DONE]",
    ])
    .await;
    assert_eq!(
        deltas[1..],
        [
            says("x"),
            says("I cannot"),
            Delta::End(FinishReason::ContentFilter)
        ]
    );
}

#[tokio::test]
async fn a_stream_without_its_end_marker_is_a_fault() {
    let text = choice(r#"{"content":"Hal"}"#);
    for events in [&[text.as_str()][..], &[&text, &finish("stop")], &[]] {
        let (deltas, error) = streamed(events).await;
        assert_eq!(error.unwrap().kind, Kind::Broken);
        assert_eq!(deltas.len(), events.len().min(1));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_fault_whatever_came_before() {
    let text = choice(r#"{"content":"Hal"}"#);
    let chunk = format!("data: {text}\n\n");
    let bytes = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{chunk}\r\n40\r\ndata: cut",
        chunk.len()
    );
    let (deltas, error) = answered(&bytes).await;
    assert_eq!(deltas, [says("Hal")]);
    assert_eq!(error.unwrap().kind, Kind::Broken);
}

#[tokio::test]
async fn after_garbage_or_an_error_nothing_more_is_read() {
    let text = choice(r#"{"content":"Hal"}"#);
    let overload = r#"{"error":{"message":"my secret prompt","type":"server_error","code":null}}"#;
    for (bad, kind) in [
        ("{not json", Kind::Broken),
        (overload, Kind::Broken),
        (
            r#"{"error":{"message":"x","code":"rate_limit_exceeded"}}"#,
            Kind::RateLimited { retry_after: None },
        ),
        (
            r#"{"error":{"message":"x","code":"context_length_exceeded"}}"#,
            Kind::ContextTooLong,
        ),
    ] {
        let (deltas, error) = streamed(&[&text, bad, &text, "[DONE]"]).await;
        assert_eq!(deltas, [says("Hal")]);
        let error = error.unwrap();
        assert_eq!(error.kind, kind);
        assert!(!error.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn an_error_that_is_null_is_none() {
    let (deltas, error) = streamed(&[
        r#"{"error":null,"choices":[{"delta":{"content":"a"}}],"usage":null}"#,
        "[DONE]",
    ])
    .await;
    assert!(error.is_none());
    assert_eq!(deltas, [says("a"), Delta::End(FinishReason::Stop)]);
}

#[tokio::test]
async fn a_refused_call_is_known_by_its_status_and_its_headers() {
    let limited = refused(
        "429 Too Many Requests",
        "retry-after: 7\r\n",
        r#"{"error":{"message":"you said: my secret","type":"requests","code":"rate_limit_exceeded"}}"#,
    )
    .await;
    assert_eq!(
        limited.kind,
        Kind::RateLimited {
            retry_after: Some(Duration::from_secs(7))
        }
    );
    assert_eq!(
        limited.to_string(),
        "HTTP 429, requests rate_limit_exceeded"
    );

    let busy = refused(
        "503 Service Unavailable",
        "retry-after: 2\r\n",
        "<html>busy</html>",
    )
    .await;
    assert_eq!(
        busy.kind,
        Kind::Unavailable {
            retry_after: Some(Duration::from_secs(2))
        }
    );

    let long = r#"{"error":{"message":"This model's maximum context length is 8192 tokens"}}"#;
    for (status, body, kind) in [
        (
            "500 Internal Server Error",
            "",
            Kind::Unavailable { retry_after: None },
        ),
        ("401 Unauthorized", "{}", Kind::Auth),
        ("403 Forbidden", "{}", Kind::Auth),
        ("404 Not Found", r#"{"error":"no model"}"#, Kind::Refused),
        ("302 Found", "", Kind::Refused),
        ("400 Bad Request", "{}", Kind::Refused),
        ("400 Bad Request", long, Kind::ContextTooLong),
    ] {
        assert_eq!(refused(status, "", body).await.kind, kind, "{status}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let (_, error) = collect(
        &OpenAiProvider::new(
            &wire_server::config(&format!("http://{free}")),
            Dialect::OPENAI,
        )
        .unwrap(),
    )
    .await;
    assert_eq!(error.unwrap().kind, Kind::Unavailable { retry_after: None });
}

#[tokio::test]
async fn each_delta_is_handed_on_before_the_next_one_is_sent() {
    let upstream = server().await;
    let (seen, mut told) = tokio::sync::mpsc::channel::<Delta>(1);
    let serve = async {
        let (mut socket, _) = upstream.accept().await;
        socket.write_all(HEAD.as_bytes()).await.unwrap();
        for number in 0..5 {
            let event = choice(&format!(r#"{{"content":"{number}"}}"#));
            socket
                .write_all(format!("data: {event}\n\n").as_bytes())
                .await
                .unwrap();
            assert_eq!(told.recv().await, Some(says(&number.to_string())));
        }
        socket.write_all(b": alive\n\n").await.unwrap();
        assert_eq!(told.recv().await, Some(Delta::Alive));
        socket.write_all(b"data: [DONE]\n\n").await.unwrap();
        assert_eq!(told.recv().await, Some(Delta::End(FinishReason::Stop)));
    };
    let read = async {
        let mut stream = upstream.provider.stream(&request()).await.unwrap();
        while let Some(delta) = stream.next().await {
            seen.send(delta.unwrap()).await.unwrap();
        }
    };
    let both = async { tokio::join!(serve, read) };
    tokio::time::timeout(Duration::from_secs(10), both)
        .await
        .unwrap();
}

#[tokio::test]
async fn one_connection_serves_one_call_after_the_other() {
    let upstream = server().await;
    let serve = async {
        let (mut socket, _) = upstream.accept().await;
        for call in 0..3 {
            if call > 0 {
                read_request(&mut socket).await;
            }
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            socket
                .write_all(format!("{head}e\r\ndata: [DONE]\n\n\r\n").as_bytes())
                .await
                .unwrap();
            // The end of the body comes a little later than the end marker.
            tokio::task::yield_now().await;
            socket.write_all(b"0\r\n\r\n").await.unwrap();
        }
    };
    let read = async {
        for _ in 0..3 {
            let (deltas, error) = collect(&upstream.provider).await;
            assert!(error.is_none());
            assert_eq!(deltas, [Delta::End(FinishReason::Stop)]);
        }
    };
    let both = async { tokio::join!(serve, read) };
    tokio::time::timeout(Duration::from_secs(10), both)
        .await
        .unwrap();
}

#[tokio::test]
async fn dropping_the_stream_hangs_up() {
    let upstream = server().await;
    let serve = async {
        let (mut socket, _) = upstream.accept().await;
        socket.write_all(HEAD.as_bytes()).await.unwrap();
        let mut rest = [0; 16];
        // The end of the connection: no bytes, or a reset.
        assert_eq!(socket.read(&mut rest).await.unwrap_or(0), 0);
    };
    let read = async { drop(upstream.provider.stream(&request()).await.unwrap()) };
    let both = async { tokio::join!(serve, read) };
    tokio::time::timeout(Duration::from_secs(10), both)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_request_goes_to_the_right_place_with_key_and_headers() {
    let upstream = server().await;
    let serve = async {
        let (mut socket, request) = upstream.accept().await;
        socket
            .write_all(format!("{HEAD}data: [DONE]\n\n").as_bytes())
            .await
            .unwrap();
        request
    };
    let (_, request) = tokio::join!(collect(&upstream.provider), serve);
    assert!(
        request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"),
        "{request}"
    );
    for part in [
        "authorization: Bearer sk-secret",
        "x-team: blue",
        r#""model":"claude-like-high""#,
    ] {
        assert!(request.contains(part), "{part} in {request}");
    }
}

#[test]
fn the_address_may_end_as_it_likes() {
    for (base, url) in [
        ("http://h:1/v1", "http://h:1/v1/chat/completions"),
        ("http://h:1/v1/", "http://h:1/v1/chat/completions"),
        ("https://h", "https://h/chat/completions"),
        (
            " https://h/a/b//?api-version=1 ",
            "https://h/a/b/chat/completions?api-version=1",
        ),
    ] {
        assert_eq!(endpoint(base, "chat/completions").unwrap().as_str(), url);
    }
    for base in ["", "h:1", "ftp://h", "/v1", "http://"] {
        assert!(endpoint(base, "chat/completions").is_err(), "{base}");
    }
}
