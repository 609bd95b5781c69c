//! What is sent in each profile is what the document says.

use super::{frame::Frame, profile::Profile, translator::Translator};
use crate::{ApiConfig, openapi::document};
use copilot_core::{
    event::{Entry, Event, FilesNote, FinishMetadata, StartMetadata, StatusNote},
    message::AttachedFile,
    position::Position,
    service::reading::Shown,
    turn::{ErrorCode, FinishReason, TurnError, Usage},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, sync::Arc};
use uuid::Uuid;

fn call() -> String {
    "call".to_owned()
}

fn text() -> String {
    "text".to_owned()
}

/// One event of every kind. A new kind does not build here until it has its place.
fn every_event() -> Vec<Event> {
    let id = Position::new(1, 4);
    let (session, turn) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let input = json!({"query": "x"});
    let error = TurnError {
        retry_after_seconds: Some(5),
        ..TurnError::retryable(ErrorCode::LlmUnavailable, "away")
    };
    let finished = FinishMetadata {
        usage: Usage::default(),
        finish_reason: FinishReason::ToolCalls,
        turn_id: turn.into(),
    };
    let file = AttachedFile {
        file_id: session,
        name: text(),
        mime_type: text(),
        size_bytes: 1,
    };
    vec![
        Event::Start {
            message_id: turn.into(),
            message_metadata: StartMetadata {
                session_id: session.into(),
                turn_id: turn.into(),
            },
        },
        Event::Files {
            data: FilesNote {
                attached: vec![file],
                dropped: vec![text()],
            },
        },
        Event::StartStep,
        Event::TextStart { id },
        Event::TextDelta { id, delta: text() },
        Event::TextEnd { id },
        Event::ReasoningStart { id },
        Event::ReasoningDelta { id, delta: text() },
        Event::ReasoningEnd { id },
        Event::ToolInputStart {
            tool_call_id: call(),
            tool_name: text(),
        },
        Event::ToolInputDelta {
            tool_call_id: call(),
            input_text_delta: text(),
        },
        Event::ToolInputAvailable {
            tool_call_id: call(),
            tool_name: text(),
            input: input.clone(),
        },
        Event::ToolInputError {
            tool_call_id: call(),
            tool_name: text(),
            input,
            error_text: text(),
        },
        Event::ToolOutputAvailable {
            tool_call_id: call(),
            output: json!({"type": "error", "message": "m", "session_id": null, "error": null, "details": null}),
        },
        Event::ToolOutputError {
            tool_call_id: call(),
            error_text: text(),
        },
        Event::FinishStep,
        Event::Status {
            data: StatusNote { message: text() },
            transient: true,
        },
        Event::Error { error },
        Event::Abort { reason: text() },
        Event::Finish {
            message_metadata: finished,
        },
    ]
}

fn retry() -> Shown {
    Shown::Retry {
        closing: vec![Event::FinishStep],
        step: 1,
        attempt: 2,
        at: Position::new(2, 1),
    }
}

fn sent(profile: Profile) -> Vec<Value> {
    let mut translator = Translator::new(profile);
    let mut frame = Frame::new(Uuid::from_u128(2).into());
    let entries = every_event()
        .into_iter()
        .map(|event| Shown::Entry(Arc::new(Entry::new(Position::new(1, 9), event))));
    for shown in entries.chain([retry()]) {
        translator.write(&shown, &mut frame);
    }
    let bytes = frame.take();
    std::str::from_utf8(&bytes)
        .unwrap()
        .split_terminator("\n\n")
        .map(|event| serde_json::from_str(event.split_once("data: ").unwrap().1).unwrap())
        .collect()
}

/// The same schema for a validator that has not got `nullable` of OpenAPI 3.0.
fn with_nulls(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut same: Map<String, Value> = fields
                .iter()
                .map(|(key, value)| (key.clone(), with_nulls(value)))
                .collect();
            if same.remove("nullable") == Some(Value::Bool(true)) {
                return json!({"anyOf": [{"type": "null"}, same]});
            }
            Value::Object(same)
        }
        Value::Array(items) => items.iter().map(with_nulls).collect(),
        plain => plain.clone(),
    }
}

/// A reader that takes no field that the document does not name.
fn strict(mut document: Value) -> Value {
    let members = document.pointer_mut("/components/schemas/StreamEvent/oneOf");
    for member in members.unwrap().as_array_mut().unwrap() {
        member["additionalProperties"] = false.into();
    }
    document
}

#[test]
fn every_event_of_every_profile_is_one_that_the_document_names() {
    let mut schema = strict(with_nulls(&document(&ApiConfig::default())));
    schema["$ref"] = "#/components/schemas/StreamEvent".into();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut kinds = BTreeSet::new();
    for profile in [Profile::V5, Profile::V6, Profile::V7] {
        for event in sent(profile) {
            assert!(validator.is_valid(&event), "{profile:?}: {event}");
            kinds.insert(event["type"].as_str().unwrap().to_owned());
        }
    }
    let members = schema["components"]["schemas"]["StreamEvent"]["oneOf"].as_array();
    let told: BTreeSet<_> = members
        .unwrap()
        .iter()
        .map(|member| {
            member["properties"]["type"]["enum"][0]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        kinds.symmetric_difference(&told).collect::<Vec<_>>(),
        ["data-title"]
    );
    assert!(!validator.is_valid(&json!({"type": "unheard-of"})));
}
