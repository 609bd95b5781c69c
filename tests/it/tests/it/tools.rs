//! Turns in which the model calls tools.

use copilot_harness::{Gate, Reply, TestStack, calls, text};
use serde_json::{Value, json};

use crate::conversation::{Conversation, each, lasting};

#[tokio::test]
async fn a_tool_runs_between_two_steps_and_its_result_is_typed() {
    let stack = TestStack::start().await;
    let input = json!({"query": "resume a stream"});
    stack
        .llm
        .script([calls("search_docs", input.clone()), text("Found it.")]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("How do I resume?").await;

    let expected = [
        "start",
        "start-step",
        "tool-input-start",
        "tool-input-delta",
        "tool-input-available",
        "tool-output-available",
        "finish-step",
        "start-step",
        "text-start",
        "text-delta",
        "text-end",
        "finish-step",
        "finish",
    ];
    assert_eq!(lasting(&answer), expected);
    assert_eq!(
        answer.first("tool-input-start").str("toolName"),
        "search_docs"
    );
    assert_eq!(answer.first("tool-input-available").json["input"], input);
    let output = &answer.first("tool-output-available").json["output"];
    assert_eq!(output["type"], "doc_search_results");
    assert_eq!(output["query"], "resume a stream");
    assert_eq!(output["session_id"], chat.id.as_str());
    assert!(output["message"].is_string() && output["count"].as_u64() > Some(0));
    let told: Value = serde_json::from_str(&stack.llm.requests()[1].tool_results()[0]).unwrap();
    assert_eq!(&told, output);
    stack.finish().await;
}

#[tokio::test]
async fn input_streams_in_while_the_model_still_writes_it() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    let call = calls("search_docs", json!({"query": "a rather long question"}));
    stack.llm.script([call.gate_after(3, &gate), text("ok")]);
    let chat = Conversation::begin(&stack).await;

    let mut events = chat.open("hi").await;
    events.until(|event| event.is("tool-input-start")).await;
    let piece = events.until(|event| event.is("tool-input-delta")).await;
    gate.release();
    let answer = events.to_finish().await;

    assert!(piece.str("inputTextDelta").starts_with('{'));
    let written: String = answer
        .of("tool-input-delta")
        .map(|event| event.str("inputTextDelta"))
        .collect();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written, answer.first("tool-input-available").json["input"]);
    stack.finish().await;
}

#[tokio::test]
async fn two_calls_of_one_reply_run_in_one_step() {
    let stack = TestStack::start().await;
    stack.llm.script([
        Reply::text_then_calls("Two things. ", "search_docs", json!({"query": "cancel"}))
            .call("get_doc_page", json!({"path": "turns.md"})),
        text("Both are there."),
    ]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("look twice").await;

    let started: Vec<&str> = answer
        .of("tool-input-available")
        .map(|event| event.str("toolCallId"))
        .collect();
    assert_eq!(started.len(), 2);
    assert_eq!(answer.of("tool-output-available").count(), 2);
    assert_eq!(answer.of("start-step").count(), 2);
    let message = answer.fold().unwrap();
    assert_eq!(
        message.call(started[0]).unwrap()["output"]["type"],
        "doc_search_results"
    );
    assert_eq!(
        message.call(started[1]).unwrap()["output"]["type"],
        "doc_page"
    );
    let asked = stack.llm.requests()[1].clone();
    let results: Vec<Value> = asked
        .messages()
        .iter()
        .filter(|message| message["role"] == "tool")
        .cloned()
        .collect();
    assert_eq!(each(&results, "tool_call_id"), started);
    stack.finish().await;
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_an_error_that_the_model_sees() {
    let stack = TestStack::start().await;
    stack.llm.script([
        calls("no_such_tool", json!({"a": 1})),
        text("Then without."),
    ]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("hi").await;

    let error = answer.first("tool-output-error");
    assert!(
        error.str("errorText").contains("no_such_tool"),
        "{}",
        error.raw
    );
    assert_eq!(
        error.str("toolCallId"),
        answer.first("tool-input-start").str("toolCallId")
    );
    assert_eq!(answer.text(), "Then without.");
    assert!(stack.llm.requests()[1].tool_results()[0].contains("no_such_tool"));
    assert_eq!(chat.turn_of(&answer).get().await["status"], "completed");
    answer.fold().unwrap();
    stack.finish().await;
}

#[tokio::test]
async fn arguments_that_are_no_json_or_do_not_fit_are_errors_that_the_model_can_mend() {
    let stack = TestStack::start().await;
    stack.llm.script([
        Reply::default().raw_call(None, "search_docs", r#"{"query": "half"#),
        calls("search_docs", json!({"question": "wrong name"})),
        calls("search_docs", json!({"query": ["wrong", "type"]})),
        calls("search_docs", json!({"query": "settings"})),
        text("At last."),
    ]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("hi").await;

    assert_eq!(answer.of("tool-output-error").count(), 3);
    assert_eq!(answer.of("tool-output-available").count(), 1);
    let results = stack.llm.requests()[4].tool_results();
    assert_eq!(results.len(), 4);
    assert!(
        results[1].contains("quer"),
        "the error names the parameter: {}",
        results[1]
    );
    assert_eq!(answer.fold().unwrap().text(), "At last.");
    stack.finish().await;
}

#[tokio::test]
async fn after_the_last_step_the_calls_still_run_and_the_turn_ends_with_tool_calls() {
    let stack = TestStack::builder()
        .env("COPILOT__TURN__MAX_STEPS", "2")
        .start()
        .await;
    let search = || calls("search_docs", json!({"query": "again"}));
    stack.llm.script([search(), search()]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("search for ever").await;

    assert_eq!(stack.llm.requests().len(), 2);
    let ended = answer.of("tool-output-available").count() + answer.of("tool-output-error").count();
    assert_eq!(ended, 2);
    assert_eq!(
        answer.first("finish").json["messageMetadata"]["finishReason"],
        "tool-calls"
    );
    let turn = chat.turn_of(&answer).get().await;
    assert_eq!(
        (&turn["status"], &turn["finish_reason"]),
        (&json!("completed"), &json!("tool-calls"))
    );
    assert_eq!(chat.ask("enough").await.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn a_reload_shows_calls_and_results_as_messages() {
    let stack = TestStack::start().await;
    let page = json!({"path": "turns.md"});
    stack.llm.script([
        Reply::text_then_calls("I read. ", "get_doc_page", page.clone()),
        text("That is all."),
    ]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("read turns.md").await;

    let messages = chat.messages().await;
    assert_eq!(
        each(&messages, "role"),
        ["user", "assistant", "tool", "assistant"]
    );
    let call = &messages[1]["tool_calls"][0];
    assert_eq!(call["type"], "function");
    assert_eq!(call["function"]["name"], "get_doc_page");
    let arguments: Value =
        serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, page);
    assert_eq!(
        call["id"],
        answer.first("tool-input-start").json["toolCallId"]
    );
    assert_eq!(messages[2]["tool_call_id"], call["id"]);
    let result: Value = serde_json::from_str(messages[2]["content"].as_str().unwrap()).unwrap();
    assert_eq!(result["type"], "doc_page");
    assert_eq!(each(&messages[1..], "content")[0], "I read. ");
    assert_eq!(messages[3]["content"], "That is all.");
    stack.finish().await;
}

#[tokio::test]
async fn the_next_turn_sends_the_model_the_whole_history_in_order() {
    let stack = TestStack::start().await;
    stack.llm.script([
        calls("search_docs", json!({"query": "turns"})),
        text("First answer."),
    ]);
    let chat = Conversation::begin(&stack).await;

    chat.ask("first question").await;
    chat.ask("second question").await;

    let asked = stack.llm.requests()[2].clone();
    let roles = each(asked.messages(), "role");
    let spoken: Vec<&str> = roles.into_iter().filter(|role| *role != "user").collect();
    assert_eq!(spoken, ["system", "assistant", "tool", "assistant"]);
    let text = Value::from(asked.messages()).to_string();
    let place = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("no {part} in {text}"))
    };
    assert!(place("first question") < place("First answer."));
    assert!(place("First answer.") < place("second question"));
    stack.finish().await;
}

#[tokio::test]
async fn a_tool_that_the_operator_turned_off_is_not_offered() {
    let stack = TestStack::builder()
        .env("COPILOT__TOOLS__DISABLED", "get_doc_page")
        .start()
        .await;
    stack.llm.script([
        calls("get_doc_page", json!({"path": "turns.md"})),
        text("Then not."),
    ]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("read").await;

    assert_eq!(answer.of("tool-output-error").count(), 1);
    let requests = stack.llm.requests();
    assert!(requests[0].tool_names().contains(&"search_docs"));
    assert!(!requests[0].tool_names().contains(&"get_doc_page"));
    stack.finish().await;
}
