//! What operators and developers ask the server itself.

use copilot_harness::TestStack;
use serde_json::{Value, json};

#[tokio::test]
async fn probes_answer_and_leave_nothing_behind() {
    let stack = TestStack::start().await;

    for _ in 0..3 {
        stack.client.get("/livez").status(200).await;
        stack.client.get("/readyz").status(200).await;
        let health = stack.client.get("/api/chat/health").ok().await;
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            health,
            json!({"status": "healthy", "service": "chat", "version": version})
        );
    }

    assert_eq!(stack.client.list_sessions().ok().await["total"], 0);
    stack.finish().await;
}

#[tokio::test]
async fn the_life_of_streams_is_told_in_both_units() {
    let stack = TestStack::builder()
        .env("COPILOT__STREAM__TTL_SECONDS", "90")
        .start()
        .await;

    let ttl = stack.client.get("/api/chat/config/ttl").ok().await;

    assert_eq!(
        ttl,
        json!({"stream_ttl_seconds": 90, "stream_ttl_ms": 90_000})
    );
    stack.finish().await;
}

#[tokio::test]
async fn the_api_is_documented_with_every_operation_of_the_contract() {
    let stack = TestStack::start().await;

    let spec = stack.client.get("/openapi.json").ok().await;

    assert!(spec["openapi"].as_str().unwrap().starts_with("3."));
    assert_eq!(spec["info"]["version"], env!("CARGO_PKG_VERSION"));
    let paths = spec["paths"].as_object().unwrap();
    let operations: Vec<&str> = paths
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    for expected in [
        "create_session",
        "list_sessions",
        "get_session",
        "delete_session",
        "update_session_title",
        "cancel_session",
        "stream_turn",
        "resume_session",
        "start_turn",
        "list_turns",
        "get_turn",
        "replay_turn",
        "get_ttl_config",
        "health_check",
        "tool_response_schema",
    ] {
        assert!(operations.contains(&expected), "{expected}: {operations:?}");
    }
    stack.finish().await;
}

#[tokio::test]
async fn every_operation_documents_its_errors() {
    let stack = TestStack::start().await;

    let spec = stack.client.get("/openapi.json").ok().await;

    let stream = &spec["paths"]["/api/chat/sessions/{session_id}/stream"]["post"]["responses"];
    for status in [
        "200", "400", "403", "404", "409", "413", "415", "422", "429", "503",
    ] {
        assert!(stream[status].is_object(), "{status}: {stream}");
    }
    let problem = &stream["404"]["content"]["application/problem+json"]["schema"];
    assert_ne!(problem, &Value::Null);
    stack.finish().await;
}

#[tokio::test]
async fn a_person_finds_pages_at_the_root_and_at_docs() {
    let stack = TestStack::start().await;

    for path in ["/", "/docs", "/docs/"] {
        let page = stack.client.get(path).status(200).await;
        let kind = page.header("content-type").unwrap();
        assert!(kind.starts_with("text/html"), "{path}: {kind}");
        let shows_all = page.text().contains("AgentsFoundResponse");
        assert_eq!(shows_all, path != "/", "{path}");
    }
    stack.finish().await;
}
