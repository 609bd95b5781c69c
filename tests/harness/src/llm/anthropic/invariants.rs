//! What every request of this protocol must keep, beside what holds for all (`crate::llm::invariants`).

use http::HeaderMap;
use serde_json::Value;

use super::view::list;
use super::wire::{THOUGHT_CALL, signature};

/// Every rule that a request breaks, as sentences; empty if none.
pub(in crate::llm) fn violations(headers: &HeaderMap, body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check_head(headers, body, &mut found);
    check_thinking(body, &mut found);
    check_cache_marks(body, &mut found);
    let messages = list(&body["messages"]);
    check_roles(messages, &mut found);
    check_kept_thinking(messages, &mut found);
    for (place, message) in messages.iter().enumerate() {
        check_blocks(place, message, &mut found);
        check_results(place, message, messages.get(place + 1), &mut found);
    }
    found
}

fn check_head(headers: &HeaderMap, body: &Value, found: &mut Vec<String>) {
    if headers
        .get("anthropic-version")
        .is_none_or(|version| version != "2023-06-01")
    {
        found.push("no known anthropic-version".to_owned());
    }
    if headers.contains_key("authorization") {
        found.push("the key is in the wrong header".to_owned());
    }
    if body["max_tokens"].as_u64().is_none_or(|limit| limit == 0) {
        found.push("no max_tokens".to_owned());
    }
    if body["stream"] != true {
        found.push("no stream was asked for".to_owned());
    }
    if body["temperature"]
        .as_f64()
        .is_some_and(|value| value > 1.0)
    {
        found.push("a temperature beyond 1".to_owned());
    }
    for tool in list(&body["tools"]) {
        if tool["input_schema"]["type"] != "object" {
            found.push(format!(
                "the tool {} has no schema of an object",
                tool["name"]
            ));
        }
    }
}

fn check_thinking(body: &Value, found: &mut Vec<String>) {
    let thinking = &body["thinking"];
    if thinking.is_null() {
        return;
    }
    if !body["temperature"].is_null() {
        found.push("thinking goes with no temperature".to_owned());
    }
    if thinking["type"] == "enabled" {
        let limit = body["max_tokens"].as_u64().unwrap_or_default();
        let fits = |budget: u64| (1_024..limit).contains(&budget);
        if !thinking["budget_tokens"].as_u64().is_some_and(fits) {
            found.push(format!("a budget of {}", thinking["budget_tokens"]));
        }
    }
}

fn check_cache_marks(body: &Value, found: &mut Vec<String>) {
    let messages = list(&body["messages"]).iter();
    let blocks = messages.flat_map(|message| list(&message["content"]));
    let marked: Vec<&Value> = list(&body["tools"])
        .iter()
        .chain(list(&body["system"]))
        .chain(blocks)
        .filter(|block| !block["cache_control"].is_null())
        .collect();
    if marked.len() > 4 {
        found.push(format!("{} cache marks", marked.len()));
    }
    for block in marked {
        if block["type"]
            .as_str()
            .is_some_and(|kind| kind.contains("thinking"))
        {
            found.push("a cache mark on thinking".to_owned());
        }
    }
    for front in ["tools", "system"] {
        let last = list(&body[front]).last();
        if last.is_some_and(|last| last["cache_control"]["type"] != "ephemeral") {
            found.push(format!("no cache mark behind {front}"));
        }
    }
}

fn check_roles(messages: &[Value], found: &mut Vec<String>) {
    for (place, message) in messages.iter().enumerate() {
        let expected = if place % 2 == 0 { "user" } else { "assistant" };
        if message["role"] != expected {
            found.push(format!("message {place} is no message of the {expected}"));
        }
    }
    if messages.last().is_none_or(|last| last["role"] != "user") {
        found.push("the last message is no user's".to_owned());
    }
}

fn check_blocks(place: usize, message: &Value, found: &mut Vec<String>) {
    let blocks = list(&message["content"]);
    if blocks.is_empty() {
        found.push(format!("message {place} is empty"));
    }
    for block in blocks {
        match block["type"].as_str() {
            Some("text")
                if block["text"]
                    .as_str()
                    .is_none_or(|text| text.trim().is_empty()) =>
            {
                found.push(format!("message {place} has a blank text"));
            }
            Some("thinking") => {
                let signed = block["thinking"].as_str().map(signature);
                if block["signature"].as_str() != signed.as_deref() {
                    found.push(format!("message {place} has thinking that was changed"));
                }
            }
            Some("tool_use") if !is_id(&block["id"]) || !block["input"].is_object() => {
                found.push(format!(
                    "message {place} has a call with a wrong id or input"
                ));
            }
            _ => {}
        }
    }
}

fn is_id(id: &Value) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    id.as_str()
        .is_some_and(|id| !id.is_empty() && id.bytes().all(fits))
}

/// The calls of a message are answered at the head of the next one.
fn check_results(place: usize, message: &Value, next: Option<&Value>, found: &mut Vec<String>) {
    let calls: Vec<&Value> = of_type(message, "tool_use")
        .map(|block| &block["id"])
        .collect();
    let following = next.map_or(&[][..], |next| list(&next["content"]));
    let answers: Vec<&Value> = following
        .iter()
        .take_while(|block| block["type"] == "tool_result")
        .map(|block| &block["tool_use_id"])
        .collect();
    if calls != answers {
        found.push(format!(
            "message {place} calls {calls:?}, answered are {answers:?}"
        ));
    }
    let results = next.map_or(0, |next| of_type(next, "tool_result").count());
    if results != answers.len() {
        found.push(format!(
            "a result behind other blocks after message {place}"
        ));
    }
}

/// In the turn that runs, what was thought before a call goes back with it.
fn check_kept_thinking(messages: &[Value], found: &mut Vec<String>) {
    let turn_begins = messages
        .iter()
        .rposition(|message| message["role"] == "user" && of_type(message, "text").count() > 0)
        .unwrap_or_default();
    for (place, message) in messages.iter().enumerate().skip(turn_begins) {
        let was_thought = of_type(message, "tool_use")
            .filter_map(|call| call["id"].as_str())
            .any(|id| id.starts_with(THOUGHT_CALL));
        let thoughts =
            of_type(message, "thinking").count() + of_type(message, "redacted_thinking").count();
        if was_thought && thoughts == 0 {
            found.push(format!("message {place} lost its thinking"));
        }
    }
}

fn of_type<'a>(message: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    list(&message["content"])
        .iter()
        .filter(move |block| block["type"] == kind)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers() -> HeaderMap {
        HeaderMap::from_iter([(
            "anthropic-version".parse().unwrap(),
            "2023-06-01".parse().unwrap(),
        )])
    }

    fn body(messages: &[Value]) -> Value {
        json!({"model": "m", "max_tokens": 9, "stream": true, "messages": messages})
    }

    fn user(text: &str) -> Value {
        json!({"role": "user", "content": [{"type": "text", "text": text}]})
    }

    fn asks(before: &[Value], id: &str) -> Value {
        let call = json!({"type": "tool_use", "id": id, "name": "find", "input": {}});
        let blocks = [before, &[call]].concat();
        json!({"role": "assistant", "content": blocks})
    }

    fn result(id: &str) -> Value {
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "r"}]})
    }

    fn thought() -> Value {
        json!({"type": "thinking", "thinking": "hm", "signature": signature("hm")})
    }

    #[test]
    fn a_conversation_that_keeps_the_rules_breaks_none() {
        let body = body(&[
            user("u"),
            asks(&[thought()], "toolu_thought_1"),
            result("toolu_thought_1"),
        ]);
        assert_eq!(violations(&headers(), &body), [""; 0]);
    }

    #[test]
    fn each_broken_rule_is_named() {
        let mut changed = thought();
        changed["thinking"] = json!("hmm");
        for (messages, expected) in [
            (
                vec![user("a"), user("b")],
                "message 1 is no message of the assistant",
            ),
            (vec![user(" ")], "message 0 has a blank text"),
            (
                vec![user("u"), asks(&[], "a.b"), result("a.b")],
                "wrong id or input",
            ),
            (
                vec![user("u"), asks(&[], "a"), user("u")],
                "message 1 calls",
            ),
            (
                vec![user("u"), asks(&[changed], "a"), result("a")],
                "thinking that was changed",
            ),
            (
                vec![
                    user("u"),
                    asks(&[], "toolu_thought_1"),
                    result("toolu_thought_1"),
                ],
                "lost its thinking",
            ),
        ] {
            let found = violations(&headers(), &body(&messages));
            assert!(
                found.iter().any(|one| one.contains(expected)),
                "{expected}: {found:?}"
            );
        }
        let found = violations(&HeaderMap::new(), &json!({}));
        for expected in ["anthropic-version", "max_tokens", "stream", "last message"] {
            assert!(
                found.iter().any(|one| one.contains(expected)),
                "{expected}: {found:?}"
            );
        }
    }
}
