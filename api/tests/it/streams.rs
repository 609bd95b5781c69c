//! Streams of ended turns, from what is saved.

use crate::{
    fakes::{recorded, session_id, turn_id},
    http::{Api, header, request, text},
};
use copilot_core::{
    event::{Event, FinishMetadata},
    position::Position,
    turn::{FinishReason, TurnStatus, Usage},
};
use poem::http::Method;

fn finish() -> Event {
    Event::Finish {
        message_metadata: FinishMetadata {
            usage: Usage::default(),
            finish_reason: FinishReason::Stop,
            turn_id: turn_id(7),
        },
    }
}

fn api_with_ended_turn() -> Api {
    let api = Api::plain();
    let id = Position::new(1, 2);
    let events = vec![
        Event::StartStep,
        Event::TextStart { id },
        Event::TextDelta {
            id,
            delta: "Hello".into(),
        },
        Event::TextEnd { id },
        Event::FinishStep,
        finish(),
    ];
    api.store
        .turns
        .lock()
        .unwrap()
        .push(recorded(7, TurnStatus::Completed, events));
    api
}

fn kinds(stream: &str) -> Vec<&str> {
    stream
        .split("data: ")
        .skip(1)
        .map(|event| {
            event
                .strip_prefix("{\"type\":\"")
                .map_or(event.trim_end(), |rest| rest.split('"').next().unwrap())
        })
        .collect()
}

const WHOLE: [&str; 8] = [
    "start",
    "start-step",
    "text-start",
    "text-delta",
    "text-end",
    "finish-step",
    "finish",
    "[DONE]",
];

fn replay() -> String {
    format!(
        "/api/chat/sessions/{}/turns/{}/stream",
        session_id(),
        turn_id(7)
    )
}

fn resume() -> String {
    format!("/api/chat/sessions/{}/stream", session_id())
}

fn cursor(position: &str) -> String {
    format!("{}.{position}", turn_id(7).uuid().simple())
}

#[tokio::test]
async fn an_ended_turn_is_told_whole_with_the_headers_of_a_stream() {
    let api = api_with_ended_turn();
    let answer = api.get(&replay()).await;
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("connection", "keep-alive"),
        ("x-accel-buffering", "no"),
        ("x-vercel-ai-ui-message-stream", "v1"),
    ] {
        assert_eq!(header(&answer, name), value);
    }
    let stream = text(answer).await;
    assert!(stream.starts_with(": ") && stream.find("\n\n").unwrap() > 2000);
    assert_eq!(kinds(&stream), WHOLE);
    assert!(stream.contains(&format!(
        "id: {}\ndata: {{\"type\":\"text-delta\"",
        cursor("1-7")
    )));
}

#[tokio::test]
async fn a_cursor_is_served_by_the_rest_and_a_strange_one_by_all() {
    let api = api_with_ended_turn();
    for (position, delta, expected) in [
        ("1-4", "llo", &WHOLE[3..]),
        ("1-7", "", &WHOLE[4..]),
        ("1-10", "", &WHOLE[7..]),
        ("9-9", "Hello", &WHOLE[..]),
        ("1-99", "Hello", &WHOLE[..]),
    ] {
        for path in [replay(), resume()] {
            let request = request(Method::GET, &path).header("last-event-id", cursor(position));
            let stream = text(api.send(request).await).await;
            assert_eq!(kinds(&stream), expected, "{position} {path}");
            assert!(
                stream.contains(&format!("\"delta\":\"{delta}\"")) || delta.is_empty(),
                "{position}"
            );
        }
    }
    let by_query = text(
        api.get(&format!("{}?after={}", resume(), cursor("1-8")))
            .await,
    )
    .await;
    assert_eq!(kinds(&by_query), &WHOLE[5..]);
    let rubbish = request(Method::GET, &replay()).header("last-event-id", "rubbish");
    assert_eq!(kinds(&text(api.send(rubbish).await).await), WHOLE);
}

#[tokio::test]
async fn nothing_to_resume_is_a_204() {
    let api = api_with_ended_turn();
    assert_eq!(api.get(&resume()).await.status().as_u16(), 204);
    let rubbish = request(Method::GET, &resume()).header("last-event-id", "rubbish");
    assert_eq!(api.send(rubbish).await.status().as_u16(), 204);
    let elsewhere = "/api/chat/sessions/00000000-0000-0000-0000-000000000099/stream";
    assert_eq!(api.get(elsewhere).await.status().as_u16(), 404);
}

#[tokio::test]
async fn a_profile_is_chosen_by_query_or_header() {
    let api = api_with_ended_turn();
    let plain = text(api.get(&replay()).await).await;
    assert!(!plain.contains(r#""finishReason":"stop","messageMetadata""#));
    let by_query = text(api.get(&format!("{}?profile=v6", replay())).await).await;
    let by_header = request(Method::GET, &replay()).header("x-stream-profile", "v7");
    for stream in [by_query, text(api.send(by_header).await).await] {
        assert!(
            stream.contains(r#"{"type":"finish","finishReason":"stop","messageMetadata""#),
            "{stream}"
        );
    }
}
