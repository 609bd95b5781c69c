//! What bodies look like.

use serde_json::{Map, Value, json};

const SESSION: &str = "01980000-0000-7000-8000-000000000001";
const TURN: &str = "01980000-0000-7000-8000-000000000002";

/// Puts an example on each component that has one.
pub(super) fn add(schemas: &mut Map<String, Value>) {
    for (name, example) in examples() {
        if let Some(Value::Object(schema)) = schemas.get_mut(name) {
            schema.insert("example".to_owned(), example);
        }
    }
}

fn examples() -> [(&'static str, Value); 6] {
    [
        (
            "NewTurn",
            json!({"message": "What can you do?", "context": {"url": "https://app.example.com/home"}}),
        ),
        (
            "AiSdkChat",
            json!({
                "id": "my-chat",
                "trigger": "submit-message",
                "messages": [
                    {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "What can you do?"}]},
                ],
            }),
        ),
        ("Title", json!({"title": "Resuming streams"})),
        ("Cancel", json!({"turn_id": TURN})),
        (
            "CreatedSession",
            json!({"id": SESSION, "created_at": "2026-01-01T12:00:00Z", "user_id": "local"}),
        ),
        (
            "Problem",
            json!({
                "type": "urn:copilot:problem:invalid_value",
                "title": "invalid value",
                "status": 422,
                "code": "invalid_value",
                "detail": "a value of the request is wrong",
                "errors": [{"field": "message", "message": "must not be blank without a file"}],
                "request_id": SESSION,
            }),
        ),
    ]
}
