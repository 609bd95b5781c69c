//! What the routes answer, above all when something is wrong.

use crate::{
    fakes::{recorded, session_id, turn_id},
    http::{Api, header, json, problem, request, text},
};
use copilot_api::ApiConfig;
use copilot_core::{
    event::FilesNote,
    port::store::Acceptance,
    turn::{OnBusy, TurnStatus},
};
use poem::http::Method;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

fn of_session(rest: &str) -> String {
    format!("/api/chat/sessions/{}{rest}", session_id())
}

#[tokio::test]
async fn every_answer_carries_its_request_id_and_is_not_stored() {
    let api = Api::plain();
    let made = api.get("/api/chat/health").await;
    assert_eq!(header(&made, "x-request-id").len(), 36);
    assert_eq!(header(&made, "cache-control"), "no-store");
    assert_eq!(header(&made, "x-content-type-options"), "nosniff");
    let kept = api
        .send(request(Method::GET, "/nowhere").header("x-request-id", "mine-1"))
        .await;
    assert_eq!(problem(kept, 404).await["request_id"], "mine-1");
}

#[tokio::test]
async fn errors_of_the_framework_have_the_same_shape() {
    let api = Api::plain();
    for (method, path, body, status, code) in [
        (
            Method::GET,
            "/api/chat/nowhere".to_owned(),
            "",
            404,
            "not_found",
        ),
        (
            Method::GET,
            "/api/chat/sessions/no-uuid".to_owned(),
            "",
            404,
            "not_found",
        ),
        (Method::GET, of_session(""), "", 404, "not_found"),
        (Method::PUT, of_session(""), "", 405, "method_not_allowed"),
        (
            Method::POST,
            of_session("/stream"),
            "{",
            400,
            "invalid_json",
        ),
        (
            Method::POST,
            of_session("/stream"),
            r#"{"message":"\ud800"}"#,
            400,
            "invalid_json",
        ),
        (
            Method::POST,
            of_session("/stream"),
            "[]",
            422,
            "invalid_value",
        ),
        (
            Method::POST,
            of_session("/stream"),
            r#"{"message":" \n"}"#,
            422,
            "invalid_value",
        ),
        (
            Method::POST,
            of_session("/stream?profile=v9"),
            r#"{"message":"x"}"#,
            422,
            "invalid_value",
        ),
        (
            Method::PATCH,
            of_session("/title"),
            r#"{"title":"  "}"#,
            422,
            "invalid_value",
        ),
    ] {
        let answer = api.send_body(request(method, &path), body).await;
        assert_eq!(problem(answer, status).await["code"], code, "{path} {body}");
    }
    let untyped = api.send(request(Method::POST, &of_session("/turns"))).await;
    problem(untyped, 415).await;
    let typed = request(Method::POST, &of_session("/turns")).content_type("text/plain");
    problem(api.send(typed).await, 415).await;
}

#[tokio::test]
async fn wrong_query_values_name_the_parameter() {
    let api = Api::plain();
    for (path, field) in [
        ("/api/chat/sessions?limit=0".to_owned(), "limit"),
        ("/api/chat/sessions?limit=101".to_owned(), "limit"),
        ("/api/chat/sessions?limit=x".to_owned(), "limit"),
        ("/api/chat/sessions?offset=-1".to_owned(), "offset"),
        (of_session("?limit=0"), "limit"),
        (of_session("?before_sequence=x"), "before_sequence"),
        (of_session("?include_active=perhaps"), "include_active"),
        (of_session("/turns?limit=0"), "limit"),
        (of_session("/stream?profile=x"), "profile"),
    ] {
        let problem = problem(api.get(&path).await, 422).await;
        assert_eq!(problem["errors"][0]["field"], field, "{path}");
    }
    json(api.get("/api/chat/sessions?limit=100&unknown=1").await).await;
}

#[tokio::test]
async fn a_store_that_is_away_is_a_503_without_internals_and_health_asks_once_a_second() {
    let api = Api::plain();
    api.store.away.store(true, Ordering::Relaxed);
    let answer = api.get("/api/chat/sessions").await;
    assert_eq!(header(&answer, "retry-after"), "5");
    let problem_text = problem(answer, 503).await.to_string();
    assert!(
        !problem_text.contains("10.0.0.1") && !problem_text.contains("secret"),
        "{problem_text}"
    );
    let unready = problem(api.get("/readyz").await, 503).await;
    assert_eq!(unready["detail"], "failing: database");
    for _ in 0..3 {
        problem(api.get("/api/chat/health").await, 503).await;
    }
    assert_eq!(api.store.probes.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn health_ttl_and_probes_answer() {
    let api = Api::plain();
    let health = json(api.get("/api/chat/health").await).await;
    assert_eq!(
        health,
        json!({"status": "healthy", "service": "chat", "version": env!("CARGO_PKG_VERSION")})
    );
    let ttl = json(api.get("/api/chat/config/ttl").await).await;
    assert_eq!(
        ttl,
        json!({"stream_ttl_seconds": 3600, "stream_ttl_ms": 3_600_000})
    );
    assert_eq!(json(api.get("/livez").await).await, json!({"status": "ok"}));
    assert_eq!(
        json(api.get("/readyz").await).await,
        json!({"status": "ok"})
    );
}

#[tokio::test]
async fn what_accepting_came_to_becomes_a_status() {
    let api = Api::plain();
    let busy = turn_id(7);
    for (acceptance, status, code) in [
        (Acceptance::NoSession, 404, "not_found"),
        (Acceptance::Mismatch, 422, "idempotency_mismatch"),
        (Acceptance::TooMany, 429, "too_many_turns"),
        (Acceptance::Busy(busy), 409, "session_busy"),
    ] {
        api.store.acceptances.lock().unwrap().push(acceptance);
        let answer = api
            .post(&of_session("/turns"), &json!({"message": "hi"}))
            .await;
        assert_eq!(header(&answer, "retry-after").is_empty(), status != 429);
        let problem = problem(answer, status).await;
        assert_eq!(problem["code"], code);
        let named = if status == 409 {
            json!(busy.to_string())
        } else {
            Value::Null
        };
        assert_eq!(problem["turn_id"], named);
    }
}

#[tokio::test]
async fn an_accepted_turn_is_told_with_all_its_fields() {
    let api = Api::plain();
    let body = json!({
        "message": "a\0b", "on_busy": "interrupt", "message_id": "k", "file_ids": ["nope"],
        "context": {"url": "x"}, "model": "builtin", "unknown": [1],
    });
    let answer = api.post(&of_session("/turns"), &body).await;
    assert_eq!(answer.status().as_u16(), 202);
    let told = json(answer).await;
    let accepted = api.store.accepted.lock().unwrap().remove(0);
    assert_eq!(told["id"], accepted.id.to_string());
    assert_eq!(
        (told["status"].as_str(), told["attempt"].as_u64()),
        (Some("queued"), Some(1))
    );
    for null in ["started_at", "finished_at", "finish_reason", "error"] {
        assert!(
            told.as_object().unwrap().contains_key(null) && told[null].is_null(),
            "{null}"
        );
    }
    assert_eq!(
        (accepted.content.as_str(), accepted.on_busy),
        ("a\u{FFFD}b", OnBusy::Interrupt)
    );
    assert_eq!(accepted.idempotency.unwrap().key, "k");
    let dropped = FilesNote {
        attached: vec![],
        dropped: vec!["nope".into()],
    };
    assert_eq!(accepted.request.files, Some(dropped));

    let other = api
        .post(
            &of_session("/turns"),
            &json!({"message": "x", "model": "gpt"}),
        )
        .await;
    assert_eq!(problem(other, 422).await["errors"][0]["field"], "model");
    let both = request(Method::POST, &of_session("/turns")).header("idempotency-key", "other");
    let both = api
        .send_body(both, r#"{"message":"x","message_id":"k"}"#)
        .await;
    assert_eq!(problem(both, 422).await["errors"][0]["field"], "message_id");
}

#[tokio::test]
async fn the_body_of_a_cancel_and_its_type_may_be_left_out() {
    let api = Api::plain();
    api.store
        .turns
        .lock()
        .unwrap()
        .push(recorded(7, TurnStatus::Completed, vec![]));
    let nothing =
        json!({"cancelled": true, "reason": "no_active_session", "turn_id": null, "status": null});
    let path = of_session("/cancel");
    assert_eq!(
        json(api.send(request(Method::POST, &path)).await).await,
        nothing
    );
    assert_eq!(json(api.post(&path, &json!({})).await).await, nothing);
    let ended = json(
        api.post(&path, &json!({"turn_id": turn_id(7).to_string()}))
            .await,
    )
    .await;
    assert_eq!(
        ended,
        json!({"cancelled": true, "reason": "no_active_session", "turn_id": turn_id(7).to_string(),
            "status": "completed"})
    );
    problem(
        api.post(&path, &json!({"turn_id": turn_id(8).to_string()}))
            .await,
        404,
    )
    .await;
    problem(api.post(&path, &json!({"turn_id": "x"})).await, 422).await;
    problem(
        api.send(request(
            Method::POST,
            "/api/chat/sessions/00000000-0000-0000-0000-000000000099/cancel",
        ))
        .await,
        404,
    )
    .await;
}

#[tokio::test]
async fn titles_deletes_turns_and_lists() {
    let api = Api::plain();
    let renamed = request(Method::PATCH, &of_session("/title"));
    assert_eq!(
        json(api.send_body(renamed, r#"{"title":" x "}"#).await).await,
        json!({"status": "ok"})
    );
    let long = json!({"title": "x".repeat(201)}).to_string();
    problem(
        api.send_body(request(Method::PATCH, &of_session("/title")), &long)
            .await,
        422,
    )
    .await;
    let deleted = api
        .send(request(Method::DELETE, &of_session("?keep_files=true")))
        .await;
    assert_eq!(deleted.status().as_u16(), 204);
    let created = json(api.send(request(Method::POST, "/api/chat/sessions")).await).await;
    assert_eq!(created["user_id"], "local");
    let listed = json(api.get("/api/chat/sessions").await).await;
    assert_eq!(
        (listed["total"].as_u64(), &listed["sessions"][0]["id"]),
        (Some(1), &created["id"])
    );
    assert_eq!(
        json(api.get(&of_session("/turns")).await).await,
        json!({"turns": [], "total": 0})
    );
    problem(
        api.get(&of_session(&format!("/turns/{}", turn_id(7))))
            .await,
        404,
    )
    .await;
    problem(api.get(&of_session("/turns/x/stream")).await, 404).await;
}

#[tokio::test]
async fn a_large_body_is_refused_and_the_ai_sdk_route_takes_more() {
    let config = ApiConfig {
        max_body_bytes: 100,
        ai_sdk_max_body_bytes: 1000,
        ..ApiConfig::default()
    };
    let api = Api::new(config);
    let big = json!({"message": "x".repeat(100)});
    problem(api.post(&of_session("/turns"), &big).await, 413).await;
    let chat = |text: String| json!({"id": "c", "messages": [{"role": "user", "parts": [{"type": "text", "text": text}]}]});
    assert_eq!(
        api.post("/api/chat", &chat("x".repeat(500)))
            .await
            .status()
            .as_u16(),
        200
    );
    problem(api.post("/api/chat", &chat("x".repeat(1000))).await, 413).await;
}

#[tokio::test]
async fn a_chat_of_the_ai_sdk_is_one_session() {
    let api = Api::plain();
    let chat = |id: &str| {
        json!({"id": "my chat", "trigger": "submit-message",
            "messages": [{"id": id, "role": "user", "parts": [{"type": "text", "text": "hi"}]}]})
    };
    for id in ["m1", "m2"] {
        assert_eq!(
            api.post("/api/chat", &chat(id)).await.status().as_u16(),
            200
        );
    }
    assert_eq!(api.store.sessions.lock().unwrap().len(), 1);
    let keys: Vec<_> = api
        .store
        .accepted
        .lock()
        .unwrap()
        .drain(..)
        .map(|new| new.idempotency.unwrap().key)
        .collect();
    assert_eq!(keys, ["m1", "m2"]);
    for (field, value, code) in [
        ("trigger", "regenerate-message", "regenerate_not_supported"),
        ("messageId", "m1", "edit_not_supported"),
    ] {
        let mut body = chat("m3");
        body[field] = json!(value);
        assert_eq!(
            problem(api.post("/api/chat", &body).await, 409).await["code"],
            code
        );
    }
    assert_eq!(
        api.get("/api/chat/my%20chat/stream")
            .await
            .status()
            .as_u16(),
        200
    );
    assert_eq!(
        api.get("/api/chat/unknown%20chat/stream")
            .await
            .status()
            .as_u16(),
        204
    );
}

#[tokio::test]
async fn local_mode_keeps_strangers_out() {
    let config = ApiConfig {
        cors_origins: vec!["https://app.example".into()],
        ..ApiConfig::default()
    };
    let api = Api::new(config);
    let to = |host: &str| {
        poem::Request::builder()
            .uri_str("/api/chat/health")
            .header("host", host)
    };
    assert_eq!(
        problem(api.send(to("evil.example")).await, 403).await["code"],
        "host_not_allowed"
    );
    let from = |origin: &str| to("localhost").header("origin", origin);
    let foreign = api.send(from("https://evil.example")).await;
    assert_eq!(problem(foreign, 403).await["code"], "origin_not_allowed");
    let known = api.send(from("https://app.example")).await;
    assert_eq!(
        header(&known, "access-control-allow-origin"),
        "https://app.example"
    );
    let preflight = request(Method::OPTIONS, "/api/chat/sessions")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST");
    let preflight = api.send(preflight).await;
    assert_eq!(preflight.status().as_u16(), 204);
    assert!(header(&preflight, "access-control-allow-headers").contains("last-event-id"));
}

#[tokio::test]
async fn documents_are_there_and_the_page_runs_nothing() {
    let api = Api::plain();
    let page = api.get("/").await;
    assert!(header(&page, "content-security-policy").starts_with("default-src 'none'"));
    let page = text(page).await;
    assert!(
        page.contains("http://localhost:8006/docs")
            && page.contains("curl -N http://localhost:8006/api/chat")
    );
    let hostile = poem::Request::builder()
        .uri_str("/")
        .header("host", "localhost:<script>");
    problem(api.send(hostile).await, 403).await;
    let docs = text(api.get("/docs").await).await;
    assert!(docs.contains("SwaggerUI"), "{docs:.300}");
    let spec = json(api.get("/openapi.json").await).await;
    assert_eq!(spec["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        serde_json::from_str::<Value>(&copilot_api::openapi()).unwrap(),
        spec
    );
}

#[tokio::test]
async fn everything_also_stands_under_a_base_path() {
    let api = Api::new(ApiConfig {
        base_path: "/copilot".into(),
        ..ApiConfig::default()
    });
    json(api.get("/copilot/api/chat/health").await).await;
    json(api.get("/copilot/readyz").await).await;
    assert!(
        text(api.get("/copilot/").await)
            .await
            .contains("http://localhost:8006/copilot/docs")
    );
    problem(api.get("/api/chat/health").await, 404).await;
}

#[test]
fn the_document_names_every_operation() {
    let spec: Value = serde_json::from_str(&copilot_api::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            operations.push(format!("{id} {path}"));
        }
    }
    operations.sort();
    assert_eq!(
        operations,
        [
            "ai_sdk_messages /api/chat/{chat_id}/messages",
            "ai_sdk_resume /api/chat/{chat_id}/stream",
            "ai_sdk_send /api/chat",
            "assign_session_user /api/chat/sessions/{session_id}/assign-user",
            "cancel_session /api/chat/sessions/{session_id}/cancel",
            "create_session /api/chat/sessions",
            "delete_session /api/chat/sessions/{session_id}",
            "get_session /api/chat/sessions/{session_id}",
            "get_ttl_config /api/chat/config/ttl",
            "get_turn /api/chat/sessions/{session_id}/turns/{turn_id}",
            "health_check /api/chat/health",
            "list_sessions /api/chat/sessions",
            "list_turns /api/chat/sessions/{session_id}/turns",
            "livez /livez",
            "readyz /readyz",
            "replay_turn /api/chat/sessions/{session_id}/turns/{turn_id}/stream",
            "resume_session /api/chat/sessions/{session_id}/stream",
            "start_turn /api/chat/sessions/{session_id}/turns",
            "stream_turn /api/chat/sessions/{session_id}/stream",
            "tool_response_schema /api/chat/schema/tool-responses",
            "update_session_title /api/chat/sessions/{session_id}/title",
        ]
    );
}

#[test]
fn the_document_says_which_operations_need_a_token() {
    let spec: Value = serde_json::from_str(&copilot_api::openapi()).unwrap();
    let scheme = &spec["components"]["securitySchemes"]["bearerAuth"];
    assert_eq!(
        (&scheme["type"], &scheme["scheme"]),
        (&"http".into(), &"bearer".into())
    );
    let open = [
        "get_ttl_config",
        "health_check",
        "livez",
        "readyz",
        "tool_response_schema",
    ];
    let users = [
        "ai_sdk_messages",
        "ai_sdk_resume",
        "ai_sdk_send",
        "assign_session_user",
        "delete_session",
        "list_sessions",
        "update_session_title",
    ];
    let token = serde_json::json!({"bearerAuth": []});
    let paths = spec["paths"].as_object().unwrap().values();
    for operation in paths.flat_map(|path| path.as_object().unwrap().values()) {
        let id = operation["operationId"].as_str().unwrap();
        let security = operation["security"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        if open.contains(&id) {
            assert!(security.is_empty(), "{id}: {security:?}");
            continue;
        }
        assert!(security.contains(&token), "{id}: {security:?}");
        let alone = users.contains(&id);
        assert_eq!(
            security.contains(&serde_json::json!({})),
            !alone,
            "{id}: {security:?}"
        );
        let refusal = &operation["responses"]["401"];
        assert!(
            refusal["headers"]["WWW-AUTHENTICATE"].is_object()
                || refusal["headers"]["WWW-Authenticate"].is_object(),
            "{id}: {refusal}"
        );
    }
}
