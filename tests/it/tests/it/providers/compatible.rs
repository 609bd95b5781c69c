//! Vendors that are asked in OpenAI's form: what is particular to each.

use copilot_harness::{ChatRequest, Gate, TestStack, calls, text};
use serde_json::{Value, json};

use crate::conversation::{Conversation, each};

fn signatures(request: &ChatRequest) -> Vec<Value> {
    let calls = request.messages().iter().flat_map(|message| {
        let calls = message["tool_calls"].as_array().cloned();
        calls.unwrap_or_default()
    });
    calls
        .map(|call| call["extra_content"]["google"]["thought_signature"].clone())
        .collect()
}

#[tokio::test]
async fn geminis_calls_go_back_with_their_signatures_also_after_a_kill() {
    let mut stack = TestStack::builder().provider("gemini").start().await;
    let never = Gate::new();
    stack.llm.script([
        calls("search_docs", json!({"query": "turns"}))
            .call("get_doc_page", json!({"path": "turns.md"}))
            .sign_calls("SIG"),
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
    chat.turn_of(&head).until_status("completed").await;
    chat.ask("thanks").await;

    let requests = stack.llm.requests();
    assert_eq!(requests[0].model(), "gemini-3.5-flash");
    assert_eq!(requests[0].headers["authorization"], "Bearer test-key");
    let tools = requests[0].body["tools"].to_string();
    for unknown in ["additionalProperties", "$schema", "\"format\""] {
        assert!(!tools.contains(unknown), "{unknown}: {tools}");
    }
    for request in &requests[1..3] {
        assert_eq!(signatures(request), ["SIG-0", "SIG-1"]);
        assert_eq!(request.tool_results().len(), 2);
    }
    assert_eq!(chat.messages().await[4]["content"], "Found it.");
    assert_eq!(signatures(&requests[3]), [Value::Null, Value::Null]);
    stack.finish().await;
}

#[tokio::test]
async fn a_conversation_with_ollama_needs_no_key_and_shows_its_thinking() {
    let stack = TestStack::builder()
        .provider("ollama")
        .env("COPILOT__LLM__REASONING", "low")
        .env("COPILOT__LLM__MAX_OUTPUT_TOKENS", "500")
        .start()
        .await;
    stack.llm.wants_no_key();
    stack.llm.script([
        calls("search_docs", json!({"query": "turns"}))
            .reasoning("I should look.")
            .short_reasoning(),
        text("Found it.").usage(90, 12, 0, 0),
    ]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("How do turns work?").await;

    assert_eq!(answer.reasoning(), "I should look.");
    assert_eq!(answer.text(), "Found it.");
    let asked = &stack.llm.requests()[1];
    assert!(!asked.headers.contains_key("authorization"));
    assert_eq!(asked.model(), "gemma4:e2b");
    assert_eq!(asked.body["reasoning_effort"], "low");
    assert_eq!(asked.body["max_tokens"], 500);
    assert!(!asked.body.to_string().contains("I should look."));
    stack.finish().await;
}

#[tokio::test]
async fn mistral_gets_ids_of_nine_letters_and_hears_the_assistant_after_its_tools() {
    let stack = TestStack::builder().provider("mistral").start().await;
    let never = Gate::new();
    stack.llm.script([
        calls("search_docs", json!({"query": "turns"})),
        text("lost").gate_first_byte(&never),
        text("Here."),
    ]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("find").await;
    never.reached().await;
    chat.cancel(None).ok().await;
    events.to_finish().await;

    chat.ask("once more").await;

    let requests = stack.llm.requests();
    for request in &requests {
        assert_eq!(request.body.get("stream_options"), None);
    }
    let messages = requests[2].messages();
    let id = &messages[2]["tool_calls"][0]["id"];
    assert_eq!(id.as_str().unwrap().len(), 9, "{id}");
    assert_eq!(id, &messages[3]["tool_call_id"]);
    assert_eq!(
        each(messages, "role"),
        ["system", "user", "assistant", "tool", "assistant", "user"]
    );
    stack.finish().await;
}

#[tokio::test]
async fn thinking_goes_back_to_the_server_that_wants_it_also_after_a_kill() {
    let mut stack = TestStack::builder().provider("deepseek").start().await;
    let never = Gate::new();
    stack.llm.script([
        calls("search_docs", json!({"query": "turns"})).reasoning("I should look."),
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
    chat.turn_of(&head).until_status("completed").await;
    chat.ask("thanks").await;

    let requests = stack.llm.requests();
    for request in &requests[1..3] {
        let answer = &request.messages()[2];
        assert_eq!(answer["reasoning_content"], "I should look.");
    }
    assert!(!requests[3].body.to_string().contains("I should look."));
    stack.finish().await;
}

#[tokio::test]
async fn open_routers_details_of_the_thinking_go_back_whole() {
    let stack = TestStack::builder().provider("open_router").start().await;
    let piece = |detail: Value| {
        let delta = json!({"reasoning_details": [detail]});
        format!(
            "data: {}\n\n",
            json!({"choices": [{"index": 0, "delta": delta}]})
        )
    };
    let kind = "reasoning.text";
    stack.llm.script([
        calls("search_docs", json!({"query": "turns"}))
            .reasoning("hm")
            .short_reasoning()
            .raw_after(1, piece(json!({"type": kind, "index": 0, "text": "h"})))
            .raw_after(1, piece(json!({"type": kind, "index": 0, "text": "m"})))
            .raw_after(
                2,
                piece(json!({"type": kind, "index": 0, "signature": "S"})),
            ),
        text("Found it."),
    ]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("find").await;

    assert_eq!(
        (answer.reasoning(), answer.text()),
        ("hm".into(), "Found it.".into())
    );
    assert_eq!(
        stack.llm.requests()[1].messages()[2]["reasoning_details"],
        json!([{"type": kind, "index": 0, "text": "hm", "signature": "S"}])
    );
    stack.finish().await;
}

#[tokio::test]
async fn every_vendor_answers_over_its_form_with_its_default_model() {
    for (provider, model) in [
        ("groq", "openai/gpt-oss-120b"),
        ("deepseek", "deepseek-flash"),
        ("xai", "grok-4.7"),
        ("together", "openai/gpt-oss-120b"),
        ("fireworks", "accounts/fireworks/models/gpt-oss-120b"),
        ("cohere", "command-r7b-12-2024"),
        ("zai", "glm-5.2"),
        ("open_router", "openai/gpt-4.1-mini"),
    ] {
        let stack = TestStack::builder().provider(provider).start().await;
        stack.llm.script([
            calls("search_docs", json!({"query": "turns"})),
            text("Found it."),
        ]);
        let chat = Conversation::begin(&stack).await;

        let answer = chat.ask("find").await;

        assert_eq!(answer.text(), "Found it.", "{provider}");
        assert_eq!(stack.llm.requests()[0].model(), model);
        stack.finish().await;
    }
}

#[tokio::test]
async fn what_was_cached_and_thought_is_told_in_stream_turn_and_message() {
    let stack = TestStack::start().await;
    stack.llm.script([
        calls("search_docs", json!({"query": "turns"})).usage(100, 20, 40, 5),
        text("done").usage(150, 10, 90, 3),
    ]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("hi").await;

    let usage = json!({
        "input_tokens": 250, "output_tokens": 30, "cached_input_tokens": 130,
        "reasoning_tokens": 8, "total_tokens": 280, "estimated": false,
    });
    assert_eq!(
        answer.first("finish").json["messageMetadata"]["usage"],
        usage
    );
    assert_eq!(chat.turn_of(&answer).get().await["usage"], usage);
    let of_messages: Vec<Value> = chat.messages().await[1..]
        .iter()
        .map(|message| message["metadata"]["usage"]["reasoning_tokens"].clone())
        .collect();
    assert_eq!(of_messages, [json!(5), Value::Null, json!(3)]);
    stack.finish().await;
}

#[tokio::test]
async fn the_provider_follows_from_the_setting_and_never_from_the_models_name() {
    for name in ["claude-opus-4-7", "gemini-3.5-flash", "a::b-high"] {
        let stack = TestStack::builder()
            .env("COPILOT__LLM__PROVIDER", "openai")
            .env("COPILOT__LLM__MODEL", name)
            .start()
            .await;
        let chat = Conversation::begin(&stack).await;

        assert_eq!(chat.ask("hi").await.text(), "ok");
        assert_eq!(stack.llm.requests()[0].body["model"], name);
        stack.finish().await;
    }
}
