//! Answers as the OpenAPI document promises them.

use copilot_harness::{TestStack, calls, text};
use serde_json::{Map, Value, json};

use crate::conversation::Conversation;

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

/// The served document, to hold answers against.
struct Document(Value);

impl Document {
    async fn of(stack: &TestStack) -> Self {
        Self(with_nulls(&stack.client.get("/openapi.json").ok().await))
    }

    /// What is wrong with `value` as a component of this name.
    fn faults(&self, component: &str, value: &Value) -> Vec<String> {
        let mut schema = self.0.clone();
        schema["$ref"] = json!(format!("#/components/schemas/{component}"));
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        validator
            .iter_errors(value)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect()
    }

    fn assert(&self, component: &str, value: &Value) {
        let faults = self.faults(component, value);
        assert!(faults.is_empty(), "{component}: {faults:#?} in {value}");
    }
}

#[tokio::test]
async fn answers_are_what_the_document_says() {
    let stack = TestStack::start().await;
    let document = Document::of(&stack).await;
    stack.llm.script([
        calls("search_docs", json!({"query": "how do I resume a stream"})),
        calls("get_doc_page", json!({"path": "no-such-page.md"})),
        text("done"),
    ]);
    let chat = Conversation::begin(&stack).await;

    let empty = chat.read().await;
    let seen = chat.ask("hello").await;
    let turn = seen.turn_id().to_owned();

    document.assert("SessionDetail", &empty);
    document.assert("SessionDetail", &chat.read().await);
    document.assert("SessionList", &stack.client.list_sessions().ok().await);
    document.assert("Turn", &chat.client.get_turn(&chat.id, &turn).ok().await);
    document.assert("TurnList", &chat.client.list_turns(&chat.id).ok().await);
    document.assert("Cancelled", &chat.cancel(None).ok().await);
    document.assert("Health", &stack.client.get("/api/chat/health").ok().await);
    document.assert("Ttl", &stack.client.get("/api/chat/config/ttl").ok().await);
    let created = stack.client.post("/api/chat/sessions").ok().await;
    document.assert("CreatedSession", &created);
    let invalid = chat.say("").status(422).await;
    document.assert("Problem", &invalid.json());
    assert!(
        !document.faults("Turn", &created).is_empty(),
        "it takes anything"
    );
    stack.finish().await;
}

#[tokio::test]
async fn every_event_and_every_tools_result_is_what_the_document_says() {
    let stack = TestStack::start().await;
    let document = Document::of(&stack).await;
    for profile in ["v5", "v6", "v7"] {
        stack.llm.script([
            calls("search_docs", json!({"query": "how do I resume a stream"})),
            calls("search_docs", json!({"query": "quokka"})),
            calls("get_doc_page", json!({"path": "the-stream.md"})),
            calls("get_doc_page", json!({"path": "no-such-page.md"})),
            calls("get_doc_page", json!({"wrong": true})),
            text("done"),
        ]);
        let chat = Conversation::begin(&stack).await;

        let seen = chat
            .say("hello")
            .profile(profile)
            .events()
            .to_finish()
            .await;

        let mut results = Vec::new();
        for event in &seen.events {
            document.assert("StreamEvent", &event.json);
            if event.is("tool-output-available") {
                document.assert("ToolResponse", &event.json["output"]);
                results.push(event.json["output"]["type"].clone());
            }
        }
        assert_eq!(
            results,
            ["doc_search_results", "no_results", "doc_page", "error"],
            "{profile}"
        );
    }
    stack.finish().await;
}

#[tokio::test]
async fn the_route_of_the_tools_schema_answers_that_it_has_no_other_answer() {
    let stack = TestStack::start().await;

    let problem = stack
        .client
        .get("/api/chat/schema/tool-responses")
        .problem(501)
        .await;

    assert_eq!(problem.code, "not_implemented");
    stack.finish().await;
}
