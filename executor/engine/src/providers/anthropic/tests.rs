//! Replies as bytes, over a real socket.

use super::{AnthropicProvider, Events};
use crate::{
    provider::Delta,
    provider_error::{ProviderError, ProviderErrorKind as Kind},
    providers::{
        decoder::Decoder,
        wire_server::{HEAD, WireServer, collect, request},
    },
};
use copilot_core::turn::{FinishReason, Usage};
use std::{collections::VecDeque, time::Duration};
use tokio::io::AsyncWriteExt as _;

async fn server() -> WireServer<AnthropicProvider> {
    WireServer::start(|config| AnthropicProvider::new(config).unwrap()).await
}

/// An answer with thinking of both kinds, text and two calls.
const RECORDED: [&str; 25] = [
    r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":7,"cache_creation_input_tokens":20,"cache_read_input_tokens":300,"output_tokens":1,"service_tier":"standard"}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
    r#"{"type":"ping"}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me "}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"sée"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"Eq"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"QB="}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"EmwK"}}"#,
    r#"{"type":"content_block_stop","index":1}"#,
    r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"I löok"}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"."}}"#,
    r#"{"type":"content_block_stop","index":2}"#,
    r#"{"type":"content_block_start","index":3,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
    r#"{"type":"content_block_delta","index":3,"delta":{"type":"signature_delta","signature":"ABC"}}"#,
    r#"{"type":"content_block_stop","index":3}"#,
    r#"{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"toolu_1","name":"find","input":{}}}"#,
    r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":""}}"#,
    r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{\"q\": "}}"#,
    r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"\"é\"}"}}"#,
    r#"{"type":"content_block_stop","index":4}"#,
    r#"{"type":"content_block_start","index":5,"content_block":{"type":"tool_use","id":"toolu_2","name":"get","input":{"path":"a"}}}"#,
    r#"{"type":"content_block_stop","index":5}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":7,"cache_creation_input_tokens":20,"cache_read_input_tokens":300,"output_tokens":89}}"#,
];

const STOP: &str = r#"{"type":"message_stop"}"#;

fn wire(events: &[&str]) -> String {
    let framed: Vec<String> = events
        .iter()
        .map(|event| {
            let value: serde_json::Value = serde_json::from_str(event).unwrap_or_default();
            let name = value["type"].as_str().unwrap_or("garbage");
            format!("event: {name}\ndata: {event}\n\n")
        })
        .collect();
    framed.concat()
}

async fn streamed(events: &[&str]) -> (Vec<Delta>, Option<ProviderError>) {
    let bytes = format!("{HEAD}{}", wire(events));
    server().await.answered(&[bytes.as_bytes()]).await
}

fn thinks(text: &str, seal: Option<&str>) -> Delta {
    Delta::Reasoning {
        text: text.into(),
        signature: seal.map(str::to_owned),
    }
}

fn says(text: &str) -> Delta {
    Delta::Text(text.into())
}

fn input(slot: usize, delta: &str) -> Delta {
    Delta::CallInput {
        slot,
        delta: delta.into(),
    }
}

fn starts(slot: usize, id: &str, name: &str) -> Delta {
    Delta::CallStart {
        slot,
        id: id.into(),
        name: name.into(),
    }
}

fn usage(output: u64, estimated: bool) -> Delta {
    Delta::Usage(Usage {
        input_tokens: 327,
        output_tokens: output,
        cached_input_tokens: 300,
        reasoning_tokens: 0,
        total_tokens: 327 + output,
        estimated,
    })
}

fn expected() -> Vec<Delta> {
    vec![
        usage(1, true),
        thinks("Let me ", None),
        thinks("sée", None),
        thinks("", Some("anthropic-thinking 0 0 EqQB=")),
        thinks("", Some("anthropic-redacted 0 0 EmwK")),
        says("I löok"),
        says("."),
        thinks("", Some("anthropic-thinking 7 0 ABC")),
        starts(0, "toolu_1", "find"),
        input(0, "{\"q\": "),
        input(0, "\"é\"}"),
        starts(1, "toolu_2", "get"),
        input(1, r#"{"path":"a"}"#),
        usage(89, false),
        Delta::End(FinishReason::ToolCalls),
    ]
}

#[tokio::test]
async fn thinking_text_calls_and_usage_come_in_their_order() {
    let events = [&RECORDED[..], &[STOP]].concat();
    let (deltas, error) = streamed(&events).await;
    assert!(error.is_none());
    assert_eq!(deltas, expected());
}

#[test]
fn the_deltas_are_the_same_wherever_the_bytes_are_cut() {
    let bytes = wire(&[&RECORDED[..], &[STOP]].concat());
    for cut in 0..bytes.len() {
        let mut decoder = Decoder::new(Events::default());
        let mut ready = VecDeque::new();
        let (first, second) = bytes.as_bytes().split_at(cut);
        decoder.push(first, &mut ready);
        decoder.push(second, &mut ready);
        decoder.end(&mut ready);
        assert!(!decoder.has_failed(), "cut at {cut}");
        ready.retain(|delta| *delta != Delta::Alive);
        assert_eq!(Vec::from(ready), expected(), "cut at {cut}");
    }
}

#[test]
fn a_reply_that_ends_anywhere_before_its_end_marker_is_a_fault() {
    let bytes = wire(&RECORDED);
    for end in 0..=bytes.len() {
        let mut decoder = Decoder::new(Events::default());
        let mut ready = VecDeque::new();
        decoder.push(&bytes.as_bytes()[..end], &mut ready);
        decoder.end(&mut ready);
        let error = decoder.take_error().unwrap();
        assert_eq!(error.kind, Kind::Broken, "ended at {end}");
        assert!(!ready.iter().any(|delta| matches!(delta, Delta::End(_))));
    }
}

#[tokio::test]
async fn each_stop_reason_has_its_meaning() {
    for (reason, meaning) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("tool_use", FinishReason::ToolCalls),
        ("refusal", FinishReason::ContentFilter),
        ("pause_turn", FinishReason::Other),
    ] {
        let delta = format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#);
        let (deltas, error) = streamed(&[&delta, STOP]).await;
        assert!(error.is_none());
        assert_eq!(deltas, [Delta::End(meaning)]);
    }
}

#[tokio::test]
async fn after_garbage_or_an_error_nothing_more_is_read() {
    let event = |kind: &str| {
        format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"my secret"}}}}"#)
    };
    let unavailable = Kind::Unavailable { retry_after: None };
    for (bad, kind) in [
        ("{not json".to_owned(), Kind::Broken),
        (r#"{"type":"content_block_delta","index":9,"delta":{"type":"input_json_delta","partial_json":"x"}}"#.to_owned(), Kind::Broken),
        (event("overloaded_error"), unavailable),
        (event("api_error"), unavailable),
        (event("rate_limit_error"), Kind::RateLimited { retry_after: None }),
        (event("authentication_error"), Kind::Auth),
        (event("permission_error"), Kind::Auth),
        (event("invalid_request_error"), Kind::Refused),
    ] {
        let text = RECORDED[11];
        let (deltas, error) = streamed(&[text, &bad, text, STOP]).await;
        assert_eq!(deltas, [says("I löok")]);
        let error = error.unwrap();
        assert_eq!(error.kind, kind, "{bad}");
        assert!(!error.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn what_is_not_known_is_passed_by() {
    let (deltas, error) = streamed(&[
        r#"{"type":"something_new","x":1}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{}}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        STOP,
    ])
    .await;
    assert!(error.is_none());
    assert_eq!(deltas, [Delta::End(FinishReason::Stop)]);
}

#[tokio::test]
async fn a_refused_call_is_known_by_its_status_and_its_headers() {
    let error = |kind: &str, message: &str| {
        format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}}}}"#)
    };
    let busy = Kind::Unavailable { retry_after: None };
    let wait = Some(Duration::from_secs(7));
    let long = error(
        "invalid_request_error",
        "prompt is too long: 9 tokens > 8 maximum",
    );
    for (status, headers, body, kind) in [
        (
            "401 Unauthorized",
            "",
            error("authentication_error", "x"),
            Kind::Auth,
        ),
        (
            "403 Forbidden",
            "",
            error("permission_error", "x"),
            Kind::Auth,
        ),
        (
            "404 Not Found",
            "",
            error("not_found_error", "model: x"),
            Kind::Refused,
        ),
        (
            "413 Too Large",
            "",
            error("request_too_large", "x"),
            Kind::ContextTooLong,
        ),
        (
            "429 Too Many Requests",
            "retry-after: 7\r\n",
            error("rate_limit_error", "x"),
            Kind::RateLimited { retry_after: wait },
        ),
        (
            "500 Internal Server Error",
            "",
            error("api_error", "x"),
            busy,
        ),
        ("529 Overloaded", "", error("overloaded_error", "x"), busy),
        (
            "400 Bad Request",
            "",
            error("invalid_request_error", "x"),
            Kind::Refused,
        ),
        ("400 Bad Request", "", long, Kind::ContextTooLong),
    ] {
        let error = server().await.refused(status, headers, &body).await;
        assert_eq!(error.kind, kind, "{status}");
    }
}

#[tokio::test]
async fn the_request_goes_to_the_right_place_with_key_version_and_headers() {
    let upstream = server().await;
    let serve = async {
        let (mut socket, request) = upstream.accept().await;
        let bytes = format!("{HEAD}{}", wire(&[STOP]));
        socket.write_all(bytes.as_bytes()).await.unwrap();
        request
    };
    let asked = request();
    let (_, request) = tokio::join!(collect(&upstream.provider, &asked), serve);
    assert!(
        request.starts_with("POST /v1/messages HTTP/1.1\r\n"),
        "{request}"
    );
    for part in [
        "x-api-key: sk-secret",
        "anthropic-version: 2023-06-01",
        "x-team: blue",
    ] {
        assert!(request.contains(part), "{part} in {request}");
    }
    assert!(!request.contains("authorization"));
}
