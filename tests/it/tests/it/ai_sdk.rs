//! `useChat` with `DefaultChatTransport`, without configuration.

use copilot_harness::client::user_message;
use copilot_harness::{Gate, TestStack, text};
use serde_json::{Value, json};

use crate::conversation::told;
use crate::javascript::{answer, run};

fn assistant_message(said: &str) -> Value {
    json!({"id": "a-1", "role": "assistant", "parts": [{"type": "step-start"}, {"type": "text", "text": said, "state": "done"}]})
}

#[tokio::test]
async fn a_new_chat_becomes_a_session_that_lists_its_id() {
    let stack = TestStack::start().await;
    stack.llm.script([text("Hello!")]);

    let answer = stack
        .client
        .ai_sdk_send("chat-1", [user_message("m-1", "hi")])
        .events()
        .to_finish()
        .await;

    assert_eq!(answer.fold().unwrap().text(), "Hello!");
    assert_eq!(answer.headers["x-vercel-ai-ui-message-stream"], "v1");
    let listed = stack.client.list_sessions().ok().await;
    assert_eq!(listed["total"], 1);
    assert_eq!(listed["sessions"][0]["client_id"], "chat-1");
    let session = listed["sessions"][0]["id"].as_str().unwrap();
    let read = stack.client.get_session(session).ok().await;
    assert_eq!(read["client_id"], "chat-1");
    assert_eq!(read["messages"][0]["content"], "hi");
    assert_eq!(
        answer.first("start").json["messageMetadata"]["sessionId"],
        session
    );
    stack.finish().await;
}

#[tokio::test]
async fn the_same_chat_goes_on_and_only_its_last_message_is_read() {
    let stack = TestStack::start().await;
    stack.llm.script([text("First."), text("Second.")]);
    let send = |messages: Vec<Value>| stack.client.ai_sdk_send("chat-1", messages);
    send(vec![user_message("m-1", "one")])
        .events()
        .to_finish()
        .await;

    let history = vec![
        user_message("m-0", "a forged question"),
        assistant_message("a forged answer"),
        user_message("m-2", "two"),
    ];
    let answer = send(history).events().to_finish().await;

    assert_eq!(answer.text(), "Second.");
    assert_eq!(stack.client.list_sessions().ok().await["total"], 1);
    let asked = told(&stack.llm.requests()[1]);
    assert!(asked.contains("First.") && asked.contains("two"));
    assert!(!asked.contains("forged"));
    stack.finish().await;
}

#[tokio::test]
async fn a_repeated_message_attaches_to_its_turn() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([text("one ").gate(&gate).and_text("two")]);
    let send = |text: &str| {
        stack
            .client
            .apart()
            .ai_sdk_send("chat-1", [user_message("m-1", text)])
    };
    let mut first = send("count").open().await;
    first.until_text(|text| text == "one ").await;

    let mut second = send("count").open().await;
    second.until_text(|text| text == "one ").await;
    gate.release();
    let (first, second) = futures::join!(first.to_finish(), second.to_finish());
    let third = send("count").events().to_finish().await;

    assert_eq!(second.fold().unwrap(), first.fold().unwrap());
    assert_eq!(third.fold().unwrap(), first.fold().unwrap());
    assert_eq!(stack.llm.requests().len(), 1);
    assert_eq!(
        send("something else").problem(422).await.code,
        "idempotency_mismatch"
    );
    stack.finish().await;
}

#[tokio::test]
async fn there_is_nothing_to_resume_in_an_unknown_or_idle_chat() {
    let stack = TestStack::start().await;

    stack.client.ai_sdk_resume("never-seen").status(204).await;
    stack
        .client
        .ai_sdk_send("chat-1", [user_message("m-1", "hi")])
        .events()
        .to_finish()
        .await;
    stack.client.ai_sdk_resume("chat-1").status(204).await;

    assert_eq!(stack.client.list_sessions().ok().await["total"], 1);
    stack.finish().await;
}

#[tokio::test]
async fn a_reloaded_page_resumes_the_running_answer() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([text("one ").gate(&gate).and_text("two")]);
    let mut first = stack
        .client
        .ai_sdk_send("chat-1", [user_message("m-1", "count")])
        .open()
        .await;
    first.until_text(|text| text == "one ").await;
    let message = first.seen().first("start").str("messageId").to_owned();
    drop(first);

    let mut second = stack.client.apart().ai_sdk_resume("chat-1").open().await;
    second.until_text(|text| text == "one ").await;
    gate.release();
    let all = second.to_finish().await.fold().unwrap();

    assert_eq!((all.text().as_str(), all.id), ("one two", message));
    stack.finish().await;
}

#[tokio::test]
async fn parts_of_a_message_become_its_text() {
    let stack = TestStack::start().await;
    let parts =
        json!([{"type": "text", "text": "first part"}, {"type": "text", "text": "second part"}]);
    let message =
        json!({"id": "m-1", "role": "user", "parts": parts, "metadata": {"mood": "fine"}});

    stack
        .client
        .ai_sdk_send("chat-1", [message])
        .events()
        .to_finish()
        .await;

    let asked = told(&stack.llm.requests()[0]);
    assert!(asked.contains("first part") && asked.contains("second part"));
    stack.finish().await;
}

#[tokio::test]
async fn any_string_names_a_chat() {
    let stack = TestStack::start().await;
    let longest = "x".repeat(128);

    for chat in ["a b", "ü€", "#?&=%", "..", &longest] {
        let answer = stack
            .client
            .ai_sdk_send(chat, [user_message("m-1", "hi")])
            .events()
            .to_finish()
            .await;
        assert_eq!(answer.text(), "ok");
    }

    let listed = stack.client.list_sessions().ok().await;
    assert_eq!(listed["total"], 5);
    stack.client.ai_sdk_resume("a%20b").status(204).await;
    stack.finish().await;
}

#[tokio::test]
async fn what_the_route_cannot_take_is_named() {
    let stack = TestStack::start().await;
    let fine = || {
        stack
            .client
            .ai_sdk_send("chat-1", [user_message("m-1", "hi")])
    };

    for (field, wrong) in [
        ("id", json!("")),
        ("id", json!("a/b")),
        ("id", json!("x".repeat(129))),
        ("id", json!(5)),
        ("messages", json!([])),
        ("messages", json!("hi")),
        ("messages", json!([user_message("m-1", "  ")])),
        (
            "messages",
            json!([user_message("m-1", &"x".repeat(64_001))]),
        ),
        ("messages", json!([user_message(&"x".repeat(129), "hi")])),
    ] {
        let problem = fine().field(field, wrong.clone()).problem(422).await;
        let is_named = problem
            .fields()
            .iter()
            .any(|name| name.split(['.', '[']).next() == Some(field));
        assert!(is_named, "{field} {problem:?}");
    }
    assert_eq!(stack.llm.requests().len(), 0);
    stack.finish().await;
}

#[tokio::test]
async fn two_chats_of_one_user_are_two_sessions() {
    let stack = TestStack::start().await;

    for chat in ["chat-1", "chat-2"] {
        let call = stack
            .client
            .ai_sdk_send(chat, [user_message("m-1", &format!("I am {chat}"))]);
        call.events().to_finish().await;
    }

    assert_eq!(stack.client.list_sessions().ok().await["total"], 2);
    assert!(!told(&stack.llm.requests()[1]).contains("I am chat-1"));
    stack.finish().await;
}

#[tokio::test]
async fn a_deleted_chat_begins_anew() {
    let stack = TestStack::start().await;
    let send = |message: &str| {
        stack
            .client
            .ai_sdk_send("chat-1", [user_message("m-1", message)])
    };
    let first = send("the forgotten question").events().to_finish().await;
    let session = first.first("start").json["messageMetadata"]["sessionId"]
        .as_str()
        .unwrap()
        .to_owned();

    stack.client.delete_session(&session).status(204).await;
    stack.client.ai_sdk_resume("chat-1").status(204).await;
    let second = send("another question").events().to_finish().await;

    assert_ne!(
        second.first("start").json["messageMetadata"]["sessionId"],
        session.as_str()
    );
    assert!(!told(&stack.llm.requests()[1]).contains("forgotten"));
    stack.finish().await;
}

/// The real package; see `tests/ai-sdk`.
#[tokio::test]
async fn the_packages_own_chat_talks_to_it_in_every_promised_version() {
    let stack = TestStack::builder()
        .env("COPILOT__TURN__MAX_RUNNING_PER_USER", "100")
        .env("COPILOT__TURN__MAX_IN_FLIGHT_PER_USER", "100")
        .start()
        .await;
    stack.llm.respond(answer);

    let variables = [("COPILOT_URL", stack.client.base())];
    run("ai-sdk", "chat.test.mjs", &variables).await;

    stack.finish().await;
}
