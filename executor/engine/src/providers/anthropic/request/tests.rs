use super::*;
use crate::provider::ToolSpec;

fn call(id: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.into(),
        name: "find".into(),
        arguments: arguments.into(),
    }
}

fn piece(text: &str, seal: Option<&str>) -> Reasoning {
    Reasoning {
        text: text.into(),
        signature: seal.map(str::to_owned),
    }
}

fn request(messages: Vec<ModelMessage>) -> ModelRequest {
    let tool = |name: &str| ToolSpec {
        name: name.into(),
        description: "d".into(),
        schema: json!({"type": "object"}),
    };
    ModelRequest {
        model: "claude-sonnet-4-6".into(),
        messages,
        tools: vec![tool("find"), tool("get")].into(),
        temperature: None,
        max_output_tokens: Some(4_000),
        reasoning: None,
    }
}

fn body(request: &ModelRequest) -> Value {
    serde_json::from_slice(&encode(request).unwrap()).unwrap()
}

fn user(text: &str, background: Option<&str>) -> ModelMessage {
    ModelMessage::User {
        text: text.into(),
        background: background.map(str::to_owned),
    }
}

fn answer(text: &str, reasoning: Vec<Reasoning>, calls: Vec<ToolCall>) -> ModelMessage {
    ModelMessage::Assistant {
        text: text.into(),
        reasoning,
        calls,
    }
}

#[test]
fn a_turn_among_tools_has_the_form_that_the_server_demands() {
    let (first, second) = (call("a.1", r#"{"q":1}"#), call("b", "{oops"));
    let request = request(vec![
        ModelMessage::System("s".into()),
        user("old", None),
        answer(
            "done",
            vec![piece("past", Some("anthropic-thinking 0 0 OLD"))],
            vec![],
        ),
        user("u", Some("b")),
        answer(
            "I löok. Then.",
            vec![
                piece("hm", Some("anthropic-thinking 0 0 SIG")),
                piece("", Some("anthropic-redacted 0 0 DATA")),
                piece("unsigned", None),
                piece("of another", Some("google-call 0 X")),
                piece("so", Some("anthropic-thinking 8 0 TWO")),
            ],
            vec![first.clone(), second.clone()],
        ),
        ModelMessage::result(&first, "r"),
        ModelMessage::result(&second, "e"),
    ]);
    let mark = json!({"type": "ephemeral"});
    assert_eq!(
        body(&request),
        json!({
            "model": "claude-sonnet-4-6",
            "max_tokens": 4_000,
            "stream": true,
            "tools": [
                {"name": "find", "description": "d", "input_schema": {"type": "object"}},
                {"name": "get", "description": "d", "input_schema": {"type": "object"}, "cache_control": mark},
            ],
            "system": [{"type": "text", "text": "s", "cache_control": mark}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "old"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "done", "cache_control": mark}]},
                {"role": "user", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "u"}]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "SIG"},
                    {"type": "redacted_thinking", "data": "DATA"},
                    {"type": "text", "text": "I löok. "},
                    {"type": "thinking", "thinking": "so", "signature": "TWO"},
                    {"type": "text", "text": "Then."},
                    {"type": "tool_use", "id": "call_a_2e1", "name": "find", "input": {"q": 1}},
                    {"type": "tool_use", "id": "b", "name": "find", "input": {"not_an_object": "{oops"}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "call_a_2e1", "content": "r"},
                    {"type": "tool_result", "tool_use_id": "b", "content": "e", "cache_control": mark},
                ]},
            ],
        })
    );
}

#[test]
fn roles_alternate_and_a_user_begins() {
    let body = body(&request(vec![
        answer("hello", vec![], vec![]),
        user("one", None),
        ModelMessage::System("in between".into()),
        user(" ", None),
        answer("two", vec![], vec![]),
        answer("three", vec![], vec![]),
        user("four", None),
    ]));
    let seen: Vec<(&str, usize)> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            let blocks = message["content"].as_array().unwrap().len();
            (message["role"].as_str().unwrap(), blocks)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("user", 1),
            ("assistant", 1),
            ("user", 2),
            ("assistant", 2),
            ("user", 1)
        ]
    );
    assert_eq!(body.get("system"), None);
}

/// What of thinking, effort, temperature and limit is sent.
fn asked(model: &str, effort: Option<Effort>, limit: Option<u32>) -> Value {
    let request = ModelRequest {
        model: model.into(),
        reasoning: effort,
        max_output_tokens: limit,
        temperature: Some(0.5),
        ..request(vec![user("u", None)])
    };
    let body = body(&request);
    json!([
        body["thinking"],
        body["output_config"]["effort"],
        body["temperature"],
        body["max_tokens"]
    ])
}

#[test]
fn each_model_is_asked_to_think_in_its_way_and_temperature_goes_without_thinking_only() {
    let adaptive = json!({"type": "adaptive", "display": "summarized"});
    let budget = |tokens: u32| json!({"type": "enabled", "budget_tokens": tokens});
    for (model, effort, expected) in [
        ("claude-sonnet-4-6", None, json!([null, null, 0.5, 32_000])),
        (
            "claude-sonnet-4-6",
            Some(Effort::None),
            json!([null, null, 0.5, 32_000]),
        ),
        (
            "claude-sonnet-4-6",
            Some(Effort::XHigh),
            json!([adaptive, "high", null, 32_000]),
        ),
        (
            "claude-sonnet-4-6",
            Some(Effort::Budget(9_000)),
            json!([budget(9_000), null, null, 32_000]),
        ),
        (
            "claude-opus-4-7",
            Some(Effort::Budget(9_000)),
            json!([adaptive, "high", null, 32_000]),
        ),
        ("claude-opus-4-7", None, json!([null, null, null, 32_000])),
        (
            "claude-haiku-4-5",
            Some(Effort::Max),
            json!([budget(24_000), null, null, 32_000]),
        ),
        (
            "claude-3-5-haiku-20241022",
            Some(Effort::High),
            json!([null, null, 0.5, 8_192]),
        ),
    ] {
        assert_eq!(asked(model, effort, None), expected, "{model} {effort:?}");
    }
    assert_eq!(
        asked("claude-haiku-4-5", Some(Effort::Low), Some(1_000)),
        json!([null, null, 0.5, 1_000])
    );
}

#[test]
fn an_answer_that_began_without_thinking_is_not_gone_on_with_by_a_budget() {
    let made = call("a", "{}");
    let go_on = |reasoning| {
        let request = ModelRequest {
            model: "claude-haiku-4-5".into(),
            reasoning: Some(Effort::Low),
            ..request(vec![
                user("u", None),
                answer("", reasoning, vec![made.clone()]),
                ModelMessage::result(&made, "r"),
            ])
        };
        body(&request).get("thinking").is_some()
    };
    assert!(!go_on(vec![]));
    assert!(go_on(vec![piece("t", Some("anthropic-thinking 0 0 S"))]));
}
