//! A request of Anthropic's protocol in OpenAI's form, so that rules, scripts and the common checks
//! need to know one form only.

use serde_json::{Value, json};

/// `body` as if it had been sent to chat completions.
pub(in crate::llm) fn of(body: &Value) -> Value {
    let mut messages = vec![json!({"role": "system", "content": body["system"]})];
    for message in list(&body["messages"]) {
        if message["role"] == "assistant" {
            messages.push(assistant(message));
        } else {
            messages.extend(user(message));
        }
    }
    let tools: Vec<Value> = list(&body["tools"])
        .iter()
        .map(|tool| json!({"type": "function", "function": {"name": tool["name"]}}))
        .collect();
    json!({
        "model": body["model"],
        "stream": body["stream"],
        "messages": messages,
        "tools": tools,
    })
}

/// The items of an array; none if it is no array.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn assistant(message: &Value) -> Value {
    let blocks = list(&message["content"]);
    let text: String = blocks
        .iter()
        .filter_map(|block| block["text"].as_str())
        .collect();
    let calls: Vec<Value> = blocks
        .iter()
        .filter(|block| block["type"] == "tool_use")
        .map(|block| {
            json!({
                "id": block["id"],
                "type": "function",
                "function": {"name": block["name"], "arguments": block["input"].to_string()},
            })
        })
        .collect();
    json!({"role": "assistant", "content": text, "tool_calls": calls})
}

fn user(message: &Value) -> Vec<Value> {
    let blocks = list(&message["content"]);
    let mut messages: Vec<Value> = blocks
        .iter()
        .filter(|block| block["type"] == "tool_result")
        .map(|block| {
            json!({
                "role": "tool",
                "tool_call_id": block["tool_use_id"],
                "content": block["content"],
            })
        })
        .collect();
    let parts: Vec<Value> = blocks
        .iter()
        .filter_map(|block| block["text"].as_str())
        .map(|text| json!({"type": "text", "text": text}))
        .collect();
    if !parts.is_empty() {
        messages.push(json!({"role": "user", "content": parts}));
    }
    messages
}
