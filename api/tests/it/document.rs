//! The document that is checked in, and what it must say.

use serde_json::{Value, json};

const CHECKED_IN: &str = include_str!("../../openapi.json");

fn document() -> Value {
    serde_json::from_str(&copilot_api::openapi()).unwrap()
}

/// Each operation with its name.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|methods| methods.as_object().unwrap().values())
        .map(|operation| {
            (
                operation["operationId"].as_str().unwrap().to_owned(),
                operation,
            )
        })
        .collect()
}

#[test]
fn the_document_that_is_checked_in_is_the_one_that_is_served() {
    let checked_in: Value = serde_json::from_str(CHECKED_IN).unwrap();
    assert!(
        checked_in == document(),
        "the API has changed: run `cargo run -p copilot -- openapi > api/openapi.json` and look at the difference"
    );
}

#[test]
fn every_operation_is_described_and_its_errors_are_problems() {
    let document = document();
    for (id, operation) in operations(&document) {
        for words in ["summary", "description"] {
            let text = operation[words].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{id} has no {words}");
        }
        assert!(operation["tags"].is_array(), "{id}");
        let responses = operation["responses"].as_object().unwrap();
        for status in [
            "403", "404", "405", "408", "413", "414", "422", "431", "500", "503",
        ] {
            assert!(responses.contains_key(status), "{id}: {status}");
        }
        for (status, response) in responses {
            assert_ne!(response["description"], "", "{id}: {status}");
            assert!(
                response["headers"]["x-request-id"].is_object(),
                "{id}: {status}"
            );
            if status.as_str() >= "400" {
                let schema = &response["content"]["application/problem+json"]["schema"];
                assert_eq!(
                    schema["$ref"], "#/components/schemas/Problem",
                    "{id}: {status}"
                );
            }
            if ["429", "503"].contains(&status.as_str()) {
                assert!(
                    response["headers"]["Retry-After"].is_object(),
                    "{id}: {status}"
                );
            }
        }
    }
}

#[test]
fn streams_are_documented_with_their_events_and_headers() {
    let document = document();
    for (id, operation) in operations(&document) {
        let is_stream = [
            "stream_turn",
            "resume_session",
            "replay_turn",
            "ai_sdk_send",
            "ai_sdk_resume",
        ]
        .contains(&id.as_str());
        let response = &operation["responses"]["200"];
        let events = &response["content"]["text/event-stream"]["schema"]["$ref"];
        assert_eq!(
            events == "#/components/schemas/StreamEvent",
            is_stream,
            "{id}"
        );
        if is_stream {
            assert!(
                response["headers"]["x-vercel-ai-ui-message-stream"].is_object(),
                "{id}"
            );
            let named = |name: &str| {
                let parameters = operation["parameters"].as_array().unwrap();
                parameters
                    .iter()
                    .find(|parameter| parameter["name"] == name)
            };
            let profile = named("x-stream-profile").unwrap();
            assert_eq!(profile["schema"]["enum"], json!(["v5", "v6", "v7"]), "{id}");
            let can_resume = id.contains("resume") || id.contains("replay");
            assert_eq!(named("Last-Event-ID").is_some(), can_resume, "{id}");
        }
    }
    let codes = document["components"]["schemas"]["ErrorCode"]["enum"]
        .as_array()
        .unwrap();
    assert_eq!(codes.len(), 11);
}

#[test]
fn limits_of_the_contract_are_in_the_document() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let turn = &schemas["NewTurn"]["properties"];
    assert_eq!(turn["message"]["maxLength"], 64_000);
    assert_eq!(turn["file_ids"]["maxItems"], 20);
    assert_eq!(turn["context"]["maxProperties"], 16);
    assert_eq!(turn["message_id"]["maxLength"], 128);
    assert_eq!(schemas["Title"]["properties"]["title"]["maxLength"], 200);
    let list = &document["paths"]["/api/chat/sessions"]["get"]["parameters"];
    let bounds: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .filter(|parameter| parameter["in"] == "query")
        .map(|parameter| {
            (
                &parameter["schema"]["minimum"],
                &parameter["schema"]["maximum"],
            )
        })
        .collect();
    assert_eq!(
        bounds,
        [(&json!(1), &json!(100)), (&json!(0), &Value::Null)]
    );
}

#[test]
fn an_answers_empty_fields_are_null_and_there() {
    let document = document();
    let message = &document["components"]["schemas"]["Message"];
    assert_eq!(message["properties"]["content"]["nullable"], true);
    assert!(
        message["required"]
            .as_array()
            .unwrap()
            .contains(&json!("tool_calls"))
    );
    let metadata = &document["components"]["schemas"]["MessageMetadata"];
    assert_eq!(metadata["required"], Value::Null);
}

#[test]
fn the_union_of_tool_results_is_published() {
    let document = document();
    let operation = &document["paths"]["/api/chat/schema/tool-responses"]["get"];
    assert_eq!(operation["operationId"], "tool_response_schema");
    let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(schema["$ref"], "#/components/schemas/ToolResponse");
    assert!(operation["responses"]["501"].is_object());
    let schemas = &document["components"]["schemas"];
    assert_eq!(
        schemas["ToolResponse"]["oneOf"].as_array().unwrap().len(),
        21
    );
    let kind = &schemas["MCPToolOutputResponse"]["properties"]["type"]["enum"];
    assert_eq!(kind, &json!(["mcp_tool_output"]));
}
