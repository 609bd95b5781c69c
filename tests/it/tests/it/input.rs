//! What clients send wrong, and what the answer says about it.

use copilot_harness::{TestStack, text};
use http::Method;
use serde_json::{Value, json};

use crate::conversation::Conversation;

const JSON: &str = "application/json";

#[tokio::test]
async fn a_body_that_is_no_json_is_told_from_one_that_is_wrong() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let paths = [
        format!("/api/chat/sessions/{}/stream", chat.id),
        format!("/api/chat/sessions/{}/turns", chat.id),
        "/api/chat".to_owned(),
    ];

    for path in &paths {
        for body in [
            "{\"message\": ",
            "not json",
            "",
            "{\"message\": \"a\"} trailing",
        ] {
            stack
                .client
                .post(path)
                .raw_body(JSON, body)
                .problem(400)
                .await;
        }
        for body in ["[]", "5", "null", "\"text\""] {
            stack
                .client
                .post(path)
                .raw_body(JSON, body)
                .problem(422)
                .await;
        }
        stack
            .client
            .post(path)
            .raw_body("text/plain", "hello")
            .problem(415)
            .await;
    }
    assert_eq!(chat.client.list_turns(&chat.id).ok().await["total"], 0);
    stack.finish().await;
}

#[tokio::test]
async fn a_wrong_value_is_named() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let many: serde_json::Map<String, Value> =
        (0..17).map(|key| (key.to_string(), "x".into())).collect();
    let id = "7f000000-0000-4000-8000-000000000001";

    for (field, wrong) in [
        ("message", json!(5)),
        ("message", json!(null)),
        ("message", json!("")),
        ("message", json!(" \n\t ")),
        ("is_user_message", json!("yes")),
        ("on_busy", json!("later")),
        ("context", json!("text")),
        ("context", json!({"url": 5})),
        ("context", json!({"content": "x".repeat(200_001)})),
        ("context", Value::Object(many)),
        ("file_ids", json!(id)),
        ("file_ids", json!([5])),
        ("file_ids", json!(vec![id; 21])),
        (
            "message",
            json!(123_456_789_012_345_678_901_234_567_890_f64),
        ),
        ("message_id", json!("x".repeat(129))),
        ("message_id", json!(7)),
    ] {
        for call in [chat.say("fine"), chat.client.start_turn(&chat.id, "fine")] {
            let problem = call.field(field, wrong.clone()).problem(422).await;
            let is_named = problem
                .fields()
                .iter()
                .any(|name| name.split(['.', '[']).next() == Some(field));
            assert!(is_named, "{field}: {problem:?}");
        }
    }
    assert_eq!(chat.client.list_turns(&chat.id).ok().await["total"], 0);
    stack.finish().await;
}

#[tokio::test]
async fn a_message_that_is_missing_is_named() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    let path = format!("/api/chat/sessions/{}/stream", chat.id);
    let problem = stack
        .client
        .post(&path)
        .raw_body(JSON, "{}")
        .problem(422)
        .await;

    assert_eq!(problem.fields(), ["message"]);
    stack.finish().await;
}

#[tokio::test]
async fn a_key_that_is_too_long_is_refused_also_as_a_header() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    chat.say("hi")
        .idempotency_key(&"k".repeat(129))
        .problem(422)
        .await;
    let answer = chat
        .say("hi")
        .idempotency_key(&"k".repeat(128))
        .events()
        .to_finish()
        .await;

    assert_eq!(answer.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn a_message_is_measured_in_characters() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let longest = "€".repeat(64_000);

    let answer = chat.ask(&longest).await;
    let problem = chat.say(&format!("{longest}€")).problem(422).await;

    assert_eq!(answer.text(), "ok");
    assert_eq!(problem.fields(), ["message"]);
    assert_eq!(chat.messages().await[0]["content"], longest);
    stack.finish().await;
}

#[tokio::test]
async fn unknown_fields_and_parameters_are_ignored() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    let call = chat
        .say("hi")
        .field("colour", "blue")
        .query("colour", "blue");
    let answer = call.events().to_finish().await;

    assert_eq!(answer.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn a_missing_route_and_a_wrong_method_are_problems_too() {
    let stack = TestStack::start().await;

    for path in ["/nothing", "/api/chat/nothing/at/all", "/api/nothing"] {
        stack.client.get(path).problem(404).await;
    }
    for (method, path, allowed) in [
        (
            Method::PUT,
            "/api/chat/sessions",
            "GET, HEAD, OPTIONS, POST",
        ),
        (
            Method::DELETE,
            "/api/chat/sessions",
            "GET, HEAD, OPTIONS, POST",
        ),
        (Method::GET, "/api/chat", "OPTIONS, POST"),
        (Method::POST, "/api/chat/health", "GET, HEAD, OPTIONS"),
        (Method::POST, "/openapi.json", "GET, HEAD, OPTIONS"),
    ] {
        let answer = stack.client.call(&method, path).status(405).await;
        answer.problem();
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
    stack.finish().await;
}

#[tokio::test]
async fn head_and_options_ask_without_doing() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    let head = stack.client.call(&Method::HEAD, "/api/chat/sessions");
    let session = format!("/api/chat/sessions/{}", chat.id);
    let options = stack.client.call(&Method::OPTIONS, &session);
    let nowhere = stack.client.call(&Method::OPTIONS, "/nothing");

    assert!(head.status(200).await.body.is_empty());
    let options = options.status(204).await;
    assert_eq!(options.header("allow"), Some("DELETE, GET, HEAD, OPTIONS"));
    assert!(options.body.is_empty());
    nowhere.problem(404).await;
    assert_eq!(chat.read().await["id"], chat.id.as_str());
    stack.finish().await;
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    let problem = chat
        .say(" ")
        .field("on_busy", "later")
        .field("file_ids", 5)
        .message_id("")
        .problem(422)
        .await;

    let mut fields = problem.fields();
    fields.sort_unstable();
    assert_eq!(fields, ["file_ids", "message", "message_id", "on_busy"]);
    let blank = chat.say(" ").field("on_busy", "later").problem(422).await;
    assert_eq!(blank.fields(), ["message", "on_busy"]);
    assert_eq!(chat.client.list_turns(&chat.id).ok().await["total"], 0);
    stack.finish().await;
}

#[tokio::test]
async fn a_wrong_parameter_is_told_in_words() {
    let stack = TestStack::start().await;

    for (name, wrong, told) in [
        ("limit", "0", "must be at least 1"),
        ("limit", "101", "must be at most 100"),
        ("limit", "many", "must be a whole number in range"),
        ("offset", "-1", "must be a whole number in range"),
    ] {
        let call = stack.client.list_sessions().query(name, wrong);
        let problem = call.problem(422).await;
        assert_eq!(problem.errors[0].message, told, "{name}={wrong}");
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    chat.say("hi")
        .header("content-encoding", "gzip")
        .problem(415)
        .await;
    chat.say("hi")
        .header("content-encoding", "identity")
        .events()
        .to_finish()
        .await;

    assert_eq!(chat.messages().await.len(), 2);
    stack.finish().await;
}

#[tokio::test]
async fn the_last_of_two_equal_keys_counts() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let path = format!("/api/chat/sessions/{}/stream", chat.id);
    let body = r#"{"message": "first", "message": "second"}"#;

    stack
        .client
        .post(&path)
        .raw_body(JSON, body)
        .events()
        .to_finish()
        .await;

    assert_eq!(chat.messages().await[0]["content"], "second");
    stack.finish().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_readably() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let path = format!("/api/chat/sessions/{}/stream", chat.id);
    let large = json!({"message": "hi", "padding": "x".repeat(20_000_000)}).to_string();

    let problem = stack
        .client
        .post(&path)
        .raw_body(JSON, large)
        .problem(413)
        .await;

    assert!(!problem.detail.is_empty());
    let fine = json!({"message": "hi", "padding": "x".repeat(3_900_000)}).to_string();
    let answer = stack
        .client
        .post(&path)
        .raw_body(JSON, fine)
        .events()
        .to_finish()
        .await;
    assert_eq!(answer.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn the_limit_of_bodies_can_be_set() {
    let stack = TestStack::builder()
        .env("COPILOT__SERVER__MAX_BODY_BYTES", "1000")
        .start()
        .await;
    let chat = Conversation::begin(&stack).await;

    chat.say(&"x".repeat(1_000)).problem(413).await;

    assert_eq!(chat.ask("short").await.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn the_null_character_is_replaced_wherever_it_comes_from() {
    let stack = TestStack::start().await;
    stack.llm.script([text("an\0swer")]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("ques\0tion").await;
    chat.client.rename(&chat.id, "ti\0tle").ok().await;

    assert_eq!(answer.text(), "an\u{FFFD}swer");
    let session = chat.read().await;
    assert_eq!(session["title"], "ti\u{FFFD}tle");
    assert_eq!(session["messages"][0]["content"], "ques\u{FFFD}tion");
    assert_eq!(session["messages"][1]["content"], "an\u{FFFD}swer");
    let asked = crate::conversation::told(&stack.llm.requests()[0]);
    assert!(asked.contains("ques\u{FFFD}tion"));
    stack.finish().await;
}

#[tokio::test]
async fn a_request_id_is_kept_if_it_is_usable_and_made_if_not() {
    let stack = TestStack::start().await;
    let list = || stack.client.list_sessions();

    for usable in ["mine-1", "~!@#", &"i".repeat(128)] {
        let answer = list().header("x-request-id", usable).answer().await;
        assert_eq!(answer.header("x-request-id"), Some(usable));
    }
    for unusable in ["", "with space", &"i".repeat(129)] {
        let answer = list().header("x-request-id", unusable).answer().await;
        let made = answer.header("x-request-id").unwrap();
        assert!(!made.is_empty() && made != unusable, "{made}");
    }
    let (one, two) = (list().answer().await, list().answer().await);
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    let problem = stack
        .client
        .get("/nothing")
        .header("x-request-id", "mine-2")
        .problem(404)
        .await;
    assert_eq!(problem.request_id, "mine-2");
    stack.finish().await;
}

#[tokio::test]
async fn answers_of_the_api_are_neither_kept_nor_guessed_at() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    for answer in [
        stack.client.list_sessions().answer().await,
        chat.client.get_session(&chat.id).answer().await,
        chat.say("").answer().await,
    ] {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    stack.finish().await;
}
