//! Pages of other origins, where callers have tokens.

use copilot_harness::{Answer, Call, TestStack};
use http::Method;

const SESSIONS: &str = "/api/chat/sessions";
const PAGE: &str = "https://app.example.com";
const STRANGER: &str = "https://evil.example";

async fn start() -> TestStack {
    let builder = TestStack::builder().signed_in("ann");
    let builder = builder.env("COPILOT__SERVER__CORS_ORIGINS", PAGE);
    builder.start().await
}

fn preflight(stack: &TestStack, path: &str, origin: &str) -> Call {
    let client = stack.client.without_token();
    let call = client.call(&Method::OPTIONS, path).origin(origin);
    call.header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "authorization")
}

/// A header that lists names, in lower case and in order.
fn names(answer: &Answer, header: &str) -> Vec<String> {
    let list = answer.header(header).unwrap_or_default();
    let mut names: Vec<_> = list
        .split(',')
        .map(|name| name.trim().to_lowercase())
        .collect();
    names.sort();
    names
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn a_preflight_needs_no_token_on_any_route() {
    let stack = start().await;

    for path in [
        SESSIONS,
        "/api/chat",
        "/api/chat/chat-1/stream",
        "/api/chat/sessions/01890000-0000-7000-8000-000000000000/assign-user",
        "/api/chat/config/ttl",
        "/openapi.json",
    ] {
        let answer = preflight(&stack, path, PAGE).status(204).await;

        assert_eq!(allowed(&answer), Some(PAGE), "{path}");
        assert_eq!(
            names(&answer, "access-control-allow-headers"),
            [
                "authorization",
                "content-type",
                "idempotency-key",
                "last-event-id",
                "x-request-id",
                "x-stream-profile"
            ]
        );
        let methods = names(&answer, "access-control-allow-methods");
        for method in ["get", "post", "put", "patch", "delete"] {
            assert!(methods.iter().any(|known| known == method), "{methods:?}");
        }
        assert!(names(&answer, "vary").contains(&"origin".to_owned()));
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_strange_page_is_allowed_nothing() {
    let stack = start().await;

    for origin in [
        STRANGER,
        "null",
        "https://app.example.com.evil.example",
        "http://app.example.com",
    ] {
        let answer = preflight(&stack, SESSIONS, origin).answer().await;
        assert_eq!(allowed(&answer), None, "{origin}");
        assert_eq!(
            answer.header("access-control-allow-headers"),
            None,
            "{origin}"
        );
        let answer = stack
            .client
            .list_sessions()
            .origin(origin)
            .status(200)
            .await;
        assert_eq!(allowed(&answer), None, "{origin}");
    }
    stack.finish().await;
}

#[tokio::test]
async fn the_operators_page_reads_every_answer_errors_too() {
    let stack = start().await;
    let guest = stack.client.without_token();
    let session = stack.client.create_session().await;

    for (call, status) in [
        (stack.client.list_sessions(), 200),
        (guest.list_sessions(), 401),
        (guest.list_sessions().token("garbage"), 401),
        (stack.client.get("/api/chat/nothing/here"), 404),
        (stack.client.rename(&session, " "), 422),
        (stack.client.call(&Method::PUT, SESSIONS), 405),
        (
            stack.client.post("/api/chat").raw_body("text/plain", "x"),
            415,
        ),
    ] {
        let answer = call.origin(PAGE).status(status).await;

        assert_eq!(allowed(&answer), Some(PAGE), "{status}");
        assert_eq!(
            names(&answer, "access-control-expose-headers"),
            [
                "content-disposition",
                "retry-after",
                "x-request-id",
                "x-vercel-ai-ui-message-stream"
            ]
        );
    }
    stack.finish().await;
}

#[tokio::test]
async fn in_local_mode_a_foreign_host_gets_no_preflight_either() {
    let builder = TestStack::builder().env("COPILOT__SERVER__CORS_ORIGINS", PAGE);
    let stack = builder.start().await;

    preflight(&stack, SESSIONS, PAGE).status(204).await;
    preflight(&stack, SESSIONS, PAGE)
        .host("evil.example")
        .problem(403)
        .await;

    stack.finish().await;
}
