//! One request as the upstream saw it.

use http::HeaderMap;
use serde_json::Value;

use super::anthropic;
use super::invariants::violations;
use super::protocol::Protocol;

/// A request for a reply, parsed, with the headers it came with. What its methods tell is the same
/// whatever the protocol: messages and tools are given in OpenAI's form.
#[derive(Clone, Debug)]
pub struct ChatRequest {
    /// Counts from 0, in the order of arrival.
    pub number: usize,
    /// As sent: `authorization` and the like.
    pub headers: HeaderMap,
    /// How it was asked.
    pub protocol: Protocol,
    /// The whole body, as sent.
    pub body: Value,
    view: Value,
}

impl ChatRequest {
    pub(super) fn new(number: usize, headers: HeaderMap, protocol: Protocol, body: Value) -> Self {
        let view = match protocol {
            Protocol::OpenAi => body.clone(),
            Protocol::Anthropic => anthropic::view::of(&body),
        };
        Self {
            number,
            headers,
            protocol,
            body,
            view,
        }
    }

    /// Every rule that it breaks, as sentences.
    pub(super) fn violations(&self) -> Vec<String> {
        let mut found = violations(&self.view);
        if self.protocol == Protocol::Anthropic {
            found.extend(anthropic::invariants::violations(&self.headers, &self.body));
        }
        found
    }

    /// The model that was asked for.
    pub fn model(&self) -> &str {
        self.view["model"].as_str().unwrap_or_default()
    }

    /// Whether an event stream was asked for.
    pub fn is_stream(&self) -> bool {
        self.view["stream"].as_bool().unwrap_or(false)
    }

    /// Whether the stream is to end with a usage chunk.
    pub fn wants_usage(&self) -> bool {
        self.view["stream_options"]["include_usage"]
            .as_bool()
            .unwrap_or(false)
    }

    /// The messages, in order; empty if the body has none.
    pub fn messages(&self) -> &[Value] {
        self.view["messages"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The names of the offered tools, in order.
    pub fn tool_names(&self) -> Vec<&str> {
        let tools = self.view["tools"].as_array().map_or(&[][..], Vec::as_slice);
        tools
            .iter()
            .map(|tool| tool["function"]["name"].as_str().unwrap_or_default())
            .collect()
    }

    /// The text of the last user message, together with user messages that stand directly before
    /// it (page context and the like), one a line.
    pub fn last_user_text(&self) -> String {
        let is_user = |message: &&Value| message["role"] == "user";
        let mut texts: Vec<String> = self
            .messages()
            .iter()
            .rev()
            .skip_while(|message| !is_user(message))
            .take_while(is_user)
            .map(message_text)
            .collect();
        texts.reverse();
        texts.join("\n")
    }

    /// The content of each tool message, in order.
    pub fn tool_results(&self) -> Vec<String> {
        self.messages()
            .iter()
            .filter(|message| message["role"] == "tool")
            .map(message_text)
            .collect()
    }

    /// How many assistant messages came after the last user message: 0 in a turn's first step.
    pub fn step(&self) -> usize {
        self.messages()
            .iter()
            .rev()
            .take_while(|message| message["role"] != "user")
            .filter(|message| message["role"] == "assistant")
            .count()
    }
}

/// A message's text, whether its content is a string or a list of parts.
pub(super) fn message_text(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(messages: &Value) -> ChatRequest {
        let body = json!({"model": "m", "messages": messages});
        ChatRequest::new(0, HeaderMap::new(), Protocol::OpenAi, body)
    }

    #[test]
    fn the_last_user_text_joins_the_run_of_user_messages_and_counts_steps() {
        let asked = request(&json!([
            {"role": "system", "content": "s"},
            {"role": "user", "content": "old"},
            {"role": "assistant", "content": "answer"},
            {"role": "user", "content": [{"type": "text", "text": "new"}]},
            {"role": "user", "content": "context"},
            {"role": "assistant", "content": null, "tool_calls": []},
            {"role": "tool", "content": "found", "tool_call_id": "c"},
        ]));

        assert_eq!(asked.last_user_text(), "new\ncontext");
        assert_eq!(asked.step(), 1);
        assert_eq!(asked.tool_results(), ["found"]);
    }
}
