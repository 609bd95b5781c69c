//! The history as `UIMessage`s is what the streams have built.

use copilot_harness::client::user_message;
use copilot_harness::{Client, Gate, TestStack, calls, status, text};
use serde_json::{Value, json};

use crate::conversation::Conversation;

/// What the replay of a turn's stream makes, as a `UIMessage`.
async fn built(client: &Client, session: &str, turn: &Value) -> Value {
    let turn = client.known_turn(session, turn["id"].as_str().unwrap());
    let message = turn.events().to_finish().await.fold().unwrap();
    json!({
        "id": message.id,
        "role": "assistant",
        "metadata": message.metadata,
        "parts": message.parts,
    })
}

#[tokio::test]
async fn every_answer_is_there_as_its_stream_has_built_it() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let (client, session) = (&stack.client, chat.id.as_str());
    stack.llm.script([
        calls("search_docs", json!({"query": "resume"}))
            .reasoning("hm ")
            .call("search_docs", json!({"wrong": 1}))
            .call("no_such_tool", json!({})),
        text("Found *it*.").reasoning("ah "),
        text("Short."),
        status(401),
    ]);
    for question in ["look it up", "again", "fail"] {
        chat.ask(question).await;
    }
    let never = Gate::new();
    stack.llm.script([text("half of it ").gate(&never)]);
    let mut cut = chat.say("stop here").open().await;
    cut.until_text(|text| text == "half of it ").await;
    client.cancel(session, None).ok().await;
    cut.to_finish().await;
    stack.llm.script([text("and on ").gate(&never)]);
    let mut running = chat.say("still running").open().await;
    running.until_text(|text| text == "and on ").await;
    let waiting = chat.say("waiting").field("message_id", "mine").open().await;

    let read = client.get_session(session).query("format", "ui").ok().await;

    let turns = client.list_turns(session).ok().await;
    let mut expected = Vec::new();
    for turn in turns["turns"].as_array().unwrap().iter().rev().take(4) {
        expected.push(built(client, session, turn).await);
    }
    let messages = read["messages"].as_array().unwrap();
    let of_role = |role: &str| -> Vec<Value> {
        let messages = messages.iter().filter(|message| message["role"] == role);
        messages.cloned().collect()
    };
    assert_eq!(of_role("assistant"), expected);
    let asked: Vec<Value> = of_role("user")
        .iter()
        .map(|message| message["parts"][0]["text"].clone())
        .collect();
    assert_eq!(
        asked,
        [
            "look it up",
            "again",
            "fail",
            "stop here",
            "still running",
            "waiting"
        ]
    );
    let last = messages.last().unwrap();
    assert_eq!(last["id"], "mine");
    assert_eq!(last["metadata"]["status"], "queued");
    drop(waiting);
    never.release();
    stack.finish().await;
}

#[tokio::test]
async fn pages_of_ui_messages_are_whole_exchanges() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let (client, session) = (&stack.client, chat.id.as_str());
    for number in 0..5 {
        chat.ask(&format!("question {number}")).await;
    }
    let whole = client.get_session(session).query("format", "ui").ok().await;

    let mut pages: Vec<Value> = Vec::new();
    let mut before = None;
    loop {
        let mut call = client
            .get_session(session)
            .query("format", "ui")
            .query("limit", 2);
        if let Some(before) = &before {
            call = call.query("before_sequence", before);
        }
        let page = call.ok().await;
        let mut messages = page["messages"].as_array().unwrap().clone();
        messages.extend(pages);
        pages = messages;
        if page["has_more_messages"] == false {
            break;
        }
        before = Some(page["oldest_sequence"].clone());
    }

    assert_eq!(whole["messages"], Value::from(pages));
    let no_format = client.get_session(session).query("format", "html");
    no_format.problem(422).await;
    stack.finish().await;
}

#[tokio::test]
async fn a_chat_of_the_ai_sdk_loads_its_messages() {
    let stack = TestStack::start().await;
    let client = &stack.client;
    assert_eq!(client.ai_sdk_messages("chat").ok().await, json!([]));
    let gate = Gate::new();
    stack
        .llm
        .script([text("Hi ").gate(&gate).and_text("there.")]);
    let said = client.ai_sdk_send("chat", [user_message("m1", "hello")]);
    let mut events = said.open().await;
    gate.reached().await;
    let meanwhile = client.ai_sdk_messages("chat").ok().await;
    gate.release();
    let seen = events.to_finish().await;

    let messages = client.ai_sdk_messages("chat").ok().await;

    let answer = seen.fold().unwrap();
    assert_eq!(meanwhile, json!([messages[0]]));
    assert_eq!(messages[0]["id"], "m1");
    assert_eq!(
        messages[0]["parts"],
        json!([{"type": "text", "text": "hello"}])
    );
    assert_eq!(messages[1]["id"], answer.id);
    assert_eq!(messages[1]["parts"], json!(answer.parts));
    assert_eq!(messages[1]["metadata"], answer.metadata);
    stack.finish().await;
}
