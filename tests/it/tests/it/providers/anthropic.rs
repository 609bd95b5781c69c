//! Conversations over Anthropic's messages. Each request is checked by the fake model: roles,
//! results, thinking that comes back unchanged, limits, cache marks, headers.

use copilot_harness::{Gate, Reply, TestStack, text};
use serde_json::{Value, json};

use super::{anthropic, last_answer};
use crate::conversation::{Conversation, each, lasting, lasting_end, told};

fn searches() -> Reply {
    Reply::text_then_calls("I look. ", "search_docs", json!({"query": "turns"}))
        .reasoning("What do they want?")
}

#[tokio::test]
async fn a_conversation_with_thinking_and_tools_goes_through() {
    let stack = anthropic().start().await;
    stack.llm.script([
        searches()
            .and_redacted("c2VjcmV0")
            .call("get_doc_page", json!({"path": "turns.md"}))
            .usage(300, 40, 200, 0),
        text("Found it.").usage(500, 10, 280, 0),
        text("You are welcome."),
    ]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("How do turns work?").await;
    let thanks = chat.ask("Thank you").await;

    assert_eq!(answer.reasoning(), "What do they want?");
    assert_eq!(answer.text(), "I look. Found it.");
    assert_eq!(
        lasting(&answer)[..9],
        [
            "start",
            "start-step",
            "reasoning-start",
            "reasoning-delta",
            "reasoning-end",
            "text-start",
            "text-delta",
            "text-end",
            "tool-input-start"
        ]
    );
    assert_eq!(answer.of("tool-output-available").count(), 2);
    assert_eq!(
        answer.first("finish").json["messageMetadata"]["finishReason"],
        "stop"
    );
    answer.fold().unwrap();
    assert_eq!(thanks.text(), "You are welcome.");

    let requests = stack.llm.requests();
    let blocks = last_answer(&requests[1]);
    assert_eq!(
        each(&blocks, "type"),
        [
            "thinking",
            "text",
            "tool_use",
            "redacted_thinking",
            "tool_use"
        ]
    );
    assert_eq!(blocks[0]["thinking"], "What do they want?");
    assert_eq!(blocks[3]["data"], "c2VjcmV0");
    assert_eq!(requests[1].tool_results().len(), 2);
    let past = Value::from(last_answer(&requests[2])).to_string();
    assert!(
        past.contains("Found it.") && !past.contains("thinking"),
        "{past}"
    );
    assert_eq!(requests[0].body["thinking"]["type"], "adaptive");
    assert_eq!(requests[0].body["output_config"]["effort"], "high");
    assert_eq!(requests[0].model(), "claude-sonnet-4-6");
    stack.finish().await;
}

#[tokio::test]
async fn what_the_cache_gave_and_took_is_part_of_the_input() {
    let stack = anthropic().start().await;
    stack.llm.script([
        searches().usage(300, 40, 200, 0),
        text("Found it.").usage(500, 10, 280, 0),
    ]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("hi").await;

    let usage = json!({
        "input_tokens": 800, "output_tokens": 50, "cached_input_tokens": 480,
        "reasoning_tokens": 0, "total_tokens": 850, "estimated": false,
    });
    assert_eq!(
        answer.first("finish").json["messageMetadata"]["usage"],
        usage
    );
    assert_eq!(chat.turn_of(&answer).get().await["usage"], usage);
    let metadata = chat.last_message().await["metadata"].clone();
    assert_eq!(metadata["usage"]["cached_input_tokens"], 280);
    assert_eq!(metadata["usage"]["estimated"], false);
    assert_eq!(metadata["model"], "claude-sonnet-4-6");
    stack.finish().await;
}

#[tokio::test]
async fn each_delta_arrives_while_the_model_still_writes() {
    let stack = anthropic().start().await;
    let (thinks, writes) = (Gate::new(), Gate::new());
    stack.llm.script([Reply::default()
        .and_reasoning("hm ")
        .gate(&thinks)
        .and_text("one ")
        .gate(&writes)
        .and_text("two")]);
    let chat = Conversation::begin(&stack).await;

    let mut events = chat.open("count").await;
    events.until(|event| event.is("reasoning-delta")).await;
    thinks.release();
    events.until_text(|text| text == "one ").await;
    writes.release();

    assert_eq!(events.to_finish().await.text(), "one two");
    stack.finish().await;
}

#[tokio::test]
async fn a_cancel_keeps_the_partial_answer_and_what_it_cost() {
    let stack = anthropic().start().await;
    let never = Gate::new();
    stack.llm.script([text("one two ")
        .reasoning("counting")
        .usage(400, 99, 100, 0)
        .gate(&never)]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("count").await;
    events.until_text(|text| text == "one two ").await;

    chat.cancel(None).ok().await;
    let seen = events.to_finish().await;

    assert_eq!(lasting_end(&seen), ["finish-step", "abort", "finish"]);
    let turn = chat.turn_of(&seen).get().await;
    assert_eq!(turn["status"], "cancelled");
    let usage = &turn["usage"];
    assert_eq!(
        (
            &usage["input_tokens"],
            &usage["cached_input_tokens"],
            &usage["estimated"]
        ),
        (&json!(400), &json!(100), &json!(true))
    );
    assert!(usage["output_tokens"].as_u64() >= Some(4), "{usage}");
    stack.llm.idle().await;
    assert_eq!(stack.llm.abandoned_replies(), 1);
    assert_eq!(chat.ask("go on").await.text(), "ok");
    assert!(told(&stack.llm.requests()[1]).contains("one two "));
    stack.finish().await;
}

#[tokio::test]
async fn a_signature_survives_a_kill_behind_its_tools() {
    let mut stack = anthropic().start().await;
    let never = Gate::new();
    stack.llm.script([
        searches().and_redacted("c2VjcmV0"),
        text("lost").gate_first_byte(&never),
        text("Found it."),
    ]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("find").await;
    events.until(|event| event.is("finish-step")).await;
    never.reached().await;

    stack.copilot.kill9();
    let head = events.to_end().await;
    stack.copilot.start().await;
    let turn = chat.turn_of(&head).until_status("completed").await;

    assert_eq!(turn["attempt"], 2);
    let requests = stack.llm.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(last_answer(&requests[2]), last_answer(&requests[1]));
    assert_eq!(
        each(&last_answer(&requests[2]), "type"),
        ["thinking", "text", "tool_use", "redacted_thinking"]
    );
    assert_eq!(chat.last_message().await["content"], "Found it.");
    stack.finish().await;
}

#[tokio::test]
async fn killed_as_its_tool_begins_a_turn_goes_on_with_its_thinking() {
    let mut stack = anthropic().start().await;
    stack.llm.respond(|asked| match asked.step() {
        0 => searches(),
        _ => text("Found it."),
    });
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("find").await;
    events.until(|event| event.is("tool-input-available")).await;

    stack.copilot.kill9();
    let head = events.to_end().await;
    stack.copilot.start().await;
    chat.turn_of(&head).until_status("completed").await;

    let last = stack.llm.requests().pop().unwrap();
    assert_eq!(
        each(&last_answer(&last), "type"),
        ["thinking", "text", "tool_use"]
    );
    let replayed = chat.turn_of(&head).events().to_finish().await;
    assert_eq!(replayed.fold().unwrap().text(), "I look. Found it.");
    stack.finish().await;
}

#[tokio::test]
async fn a_conversation_may_begin_with_the_copilot() {
    let stack = anthropic().start().await;
    let chat = Conversation::begin(&stack).await;

    chat.say("Welcome!")
        .field("is_user_message", false)
        .events()
        .to_finish()
        .await;
    chat.ask("hi").await;

    let asked = stack.llm.requests()[1].clone();
    assert_eq!(asked.body["messages"][0]["role"], "user");
    assert!(told(&asked).contains("Welcome!"));
    stack.finish().await;
}

#[tokio::test]
async fn a_history_made_with_another_vendor_is_taken_on() {
    let mut stack = TestStack::start().await;
    stack.llm.script([
        Reply::default()
            .and_reasoning("theirs")
            .raw_call(
                Some("functions.search_docs:0"),
                "search_docs",
                r#"{"query": "turns"}"#,
            )
            .raw_call(Some("odd one"), "no such.tool", "{oops"),
        text("Done."),
    ]);
    let chat = Conversation::begin(&stack).await;
    chat.ask("find").await;

    stack.copilot.set("COPILOT__LLM__PROVIDER", "anthropic");
    stack
        .copilot
        .set("COPILOT__LLM__API_KEY", "sk-ant-test-key");
    stack
        .copilot
        .set("COPILOT__LLM__BASE_URL", stack.llm.base_url());
    stack.restart().await;
    let answer = chat.ask("and now?").await;

    assert_eq!(answer.text(), "ok");
    let asked = stack.llm.requests().pop().unwrap();
    assert_eq!(asked.headers["x-api-key"], "sk-ant-test-key");
    assert_eq!(asked.tool_results().len(), 2);
    assert!(!told(&asked).contains("theirs"));
    stack.finish().await;
}
