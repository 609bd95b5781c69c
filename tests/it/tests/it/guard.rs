//! Who may drive a copilot on this machine: no page but its own.

use copilot_harness::{Answer, TestStack};
use http::Method;

const SESSIONS: &str = "/api/chat/sessions";

#[tokio::test]
async fn another_host_name_is_refused_everywhere() {
    let stack = TestStack::start().await;

    for host in [
        "evil.example",
        "evil.example:8006",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
    ] {
        for path in [SESSIONS, "/api/chat/health", "/openapi.json", "/"] {
            let problem = stack.client.get(path).host(host).problem(403).await;
            assert!(!problem.detail.is_empty());
        }
        stack.client.post(SESSIONS).host(host).problem(403).await;
    }

    assert_eq!(stack.client.list_sessions().ok().await["total"], 0);
    stack.finish().await;
}

#[tokio::test]
async fn every_name_of_this_machine_is_answered() {
    let stack = TestStack::start().await;
    let port = stack.client.base().rsplit(':').next().unwrap().to_owned();

    for host in ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"] {
        stack.client.list_sessions().host(host).ok().await;
        stack
            .client
            .list_sessions()
            .host(&format!("{host}:{port}"))
            .ok()
            .await;
    }
    stack.finish().await;
}

#[tokio::test]
async fn another_pages_origin_is_refused_and_its_own_is_not() {
    let stack = TestStack::start().await;

    for origin in [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        "https://localhost",
    ] {
        stack
            .client
            .post(SESSIONS)
            .origin(origin)
            .problem(403)
            .await;
        let answer = stack
            .client
            .list_sessions()
            .origin(origin)
            .status(403)
            .await;
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    stack
        .client
        .post(SESSIONS)
        .origin(stack.client.base())
        .ok()
        .await;

    assert_eq!(stack.client.list_sessions().ok().await["total"], 1);
    stack.finish().await;
}

#[tokio::test]
async fn hosts_that_the_operator_allows_are_answered() {
    let stack = TestStack::builder()
        .env("COPILOT__SERVER__ALLOWED_HOSTS", "copilot.lan,other.lan")
        .start()
        .await;

    stack.client.list_sessions().host("copilot.lan").ok().await;
    stack.client.list_sessions().host("other.lan").ok().await;

    stack
        .client
        .list_sessions()
        .host("third.lan")
        .problem(403)
        .await;
    stack.finish().await;
}

const PAGE: &str = "https://app.example.com";

async fn start_with_page() -> TestStack {
    let builder = TestStack::builder().env("COPILOT__SERVER__CORS_ORIGINS", PAGE);
    builder.start().await
}

/// A header that lists names, in lower case.
fn names<'a>(answer: &'a Answer, header: &str) -> Vec<&'a str> {
    let list = answer.header(header).unwrap_or_default();
    list.split(',').map(str::trim).collect()
}

#[tokio::test]
async fn the_operators_pages_may_ask_in_every_way() {
    let stack = start_with_page().await;

    let preflight = stack
        .client
        .call(&Method::OPTIONS, "/api/chat")
        .origin(PAGE);
    let preflight = preflight
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,last-event-id",
        )
        .answer()
        .await;

    assert!(preflight.status.is_success(), "{}", preflight.status);
    assert_eq!(preflight.header("access-control-allow-origin"), Some(PAGE));
    let allowed = names(&preflight, "access-control-allow-headers");
    for name in [
        "authorization",
        "content-type",
        "last-event-id",
        "idempotency-key",
        "x-stream-profile",
        "x-request-id",
    ] {
        assert!(allowed.contains(&name), "{name}: {allowed:?}");
    }
    let methods = names(&preflight, "access-control-allow-methods");
    for method in ["GET", "POST", "PATCH", "DELETE"] {
        assert!(methods.contains(&method), "{method}: {methods:?}");
    }
    stack.finish().await;
}

#[tokio::test]
async fn the_operators_pages_may_read_the_answers_and_others_may_not() {
    let stack = start_with_page().await;

    let answer = stack.client.post(SESSIONS).origin(PAGE).status(200).await;
    let problem = stack
        .client
        .get("/api/chat/nothing/here")
        .origin(PAGE)
        .status(404)
        .await;
    let foreign = stack
        .client
        .post(SESSIONS)
        .origin("https://evil.example")
        .status(403)
        .await;

    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(problem.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(foreign.header("access-control-allow-origin"), None);
    let exposed = names(&answer, "access-control-expose-headers");
    for name in [
        "x-request-id",
        "retry-after",
        "x-vercel-ai-ui-message-stream",
        "content-disposition",
    ] {
        assert!(exposed.contains(&name), "{name}: {exposed:?}");
    }
    stack.finish().await;
}
