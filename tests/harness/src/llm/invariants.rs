//! What every request to a model must keep, whatever happened before it: real providers refuse
//! a history with an unanswered call, a result without its call, or an empty answer.

use std::collections::HashSet;

use serde_json::Value;

use super::chat_request::message_text;

/// Every rule that `body` breaks, as sentences; empty if none.
pub(super) fn violations(body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if body["model"].as_str().is_none_or(str::is_empty) {
        found.push("no model".to_owned());
    }
    match body["messages"].as_array() {
        Some(messages) => check_messages(messages, &mut found),
        None => found.push("no messages".to_owned()),
    }
    check_tools(body, &mut found);
    found
}

fn check_messages(messages: &[Value], found: &mut Vec<String>) {
    if messages.first().map(|first| &first["role"]) != Some(&Value::from("system")) {
        found.push("the first message is not the system message".to_owned());
    }
    let mut history = History::default();
    for (place, message) in messages.iter().enumerate() {
        history.check(place, message, found);
    }
    history.expect_all_answered("the end", found);
}

/// Which calls were made so far, and which of them wait for their result.
#[derive(Default)]
struct History {
    made: HashSet<String>,
    answered: HashSet<String>,
    unanswered: Vec<String>,
}

impl History {
    fn check(&mut self, place: usize, message: &Value, found: &mut Vec<String>) {
        match message["role"].as_str() {
            Some("system" | "developer") => {}
            Some("user") => self.expect_all_answered(&format!("message {place} (user)"), found),
            Some("assistant") => self.check_assistant(place, message, found),
            Some("tool") => self.check_result(place, message, found),
            _ => found.push(format!("message {place} has the role {}", message["role"])),
        }
    }

    fn check_assistant(&mut self, place: usize, message: &Value, found: &mut Vec<String>) {
        self.expect_all_answered(&format!("message {place} (assistant)"), found);
        let calls = message["tool_calls"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        if calls.is_empty() && message_text(message).is_empty() {
            found.push(format!("message {place} is an empty assistant message"));
        }
        for call in calls {
            self.check_call(place, call, found);
        }
    }

    fn check_call(&mut self, place: usize, call: &Value, found: &mut Vec<String>) {
        let Some(id) = call["id"].as_str().filter(|id| !id.is_empty()) else {
            found.push(format!("message {place} has a call without an id"));
            return;
        };
        if call["type"] != "function" {
            found.push(format!("call {id} is no function call"));
        }
        if call["function"]["name"].as_str().is_none_or(str::is_empty) {
            found.push(format!("call {id} names no tool"));
        }
        let is_json = call["function"]["arguments"]
            .as_str()
            .is_some_and(|arguments| serde_json::from_str::<Value>(arguments).is_ok());
        if !is_json {
            found.push(format!("the arguments of call {id} are no JSON string"));
        }
        if !self.made.insert(id.to_owned()) {
            found.push(format!("call id {id} is used twice"));
        }
        self.unanswered.push(id.to_owned());
    }

    fn check_result(&mut self, place: usize, message: &Value, found: &mut Vec<String>) {
        let Some(id) = message["tool_call_id"].as_str() else {
            found.push(format!(
                "message {place} is a tool message without a call id"
            ));
            return;
        };
        if let Some(at) = self.unanswered.iter().position(|waiting| waiting == id) {
            self.unanswered.remove(at);
            self.answered.insert(id.to_owned());
        } else if self.answered.contains(id) {
            found.push(format!("call {id} is answered twice (message {place})"));
        } else {
            found.push(format!("message {place} answers {id}, which nobody called"));
        }
    }

    fn expect_all_answered(&mut self, before: &str, found: &mut Vec<String>) {
        for id in self.unanswered.drain(..) {
            found.push(format!("call {id} has no result before {before}"));
        }
    }
}

fn check_tools(body: &Value, found: &mut Vec<String>) {
    let mut names = HashSet::new();
    for tool in body["tools"].as_array().map_or(&[][..], Vec::as_slice) {
        match tool["function"]["name"].as_str() {
            Some(name) if !names.insert(name) => found.push(format!("two tools named {name}")),
            Some(_) => {}
            None => found.push("a tool without a name".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(id: &str) -> Value {
        json!({"id": id, "type": "function", "function": {"name": "find", "arguments": "{}"}})
    }

    fn of(messages: &[Value]) -> Vec<String> {
        let mut all = vec![json!({"role": "system", "content": "s"})];
        all.extend(messages.iter().cloned());
        violations(&json!({"model": "m", "messages": all}))
    }

    fn asks(ids: &[&str]) -> Value {
        let made: Vec<Value> = ids.iter().map(|id| call(id)).collect();
        json!({"role": "assistant", "content": null, "tool_calls": made})
    }

    fn result(id: &str) -> Value {
        json!({"role": "tool", "tool_call_id": id, "content": "r"})
    }

    fn user() -> Value {
        json!({"role": "user", "content": "u"})
    }

    #[test]
    fn a_history_with_all_calls_answered_is_valid() {
        assert_eq!(
            of(&[user(), asks(&["a", "b"]), result("b"), result("a"), user()]),
            [""; 0]
        );
    }

    #[test]
    fn each_broken_rule_is_named() {
        let cases = [
            (
                vec![user(), asks(&["a"])],
                "call a has no result before the end",
            ),
            (
                vec![user(), asks(&["a"]), user(), result("a")],
                "call a has no result before message 3 (user)",
            ),
            (
                vec![user(), result("a")],
                "message 2 answers a, which nobody called",
            ),
            (
                vec![user(), asks(&["a"]), result("a"), result("a")],
                "call a is answered twice (message 4)",
            ),
            (
                vec![user(), asks(&["a"]), result("a"), asks(&["a"]), result("a")],
                "call id a is used twice",
            ),
            (
                vec![user(), json!({"role": "assistant", "content": ""})],
                "message 2 is an empty assistant message",
            ),
            (
                vec![json!({"role": "human", "content": "x"})],
                "message 1 has the role \"human\"",
            ),
        ];
        for (messages, expected) in cases {
            let found = of(&messages);
            assert!(
                found.iter().any(|one| one == expected),
                "{expected}: {found:?}"
            );
        }
    }

    #[test]
    fn arguments_must_be_json_and_tools_unique_and_the_system_message_first() {
        let found = violations(&json!({
            "model": "m",
            "messages": [
                {"role": "user", "content": "u"},
                {"role": "assistant", "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}
                ]},
                {"role": "tool", "tool_call_id": "a", "content": ""},
            ],
            "tools": [{"function": {"name": "f"}}, {"function": {"name": "f"}}],
        }));

        assert_eq!(
            found,
            [
                "the first message is not the system message",
                "the arguments of call a are no JSON string",
                "two tools named f",
            ]
        );
    }
}
