//! A message as a client holds it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `UIMessage` of AI SDK 5.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UiMessage {
    /// The `messageId` of `start`.
    pub id: String,
    /// Always `assistant` for a folded one.
    pub role: String,
    /// `start`'s and `finish`'s metadata, merged.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub metadata: Value,
    /// The parts as `JSON.stringify` writes them.
    pub parts: Vec<Value>,
}

impl UiMessage {
    /// The text of all text parts.
    pub fn text(&self) -> String {
        self.of("text")
            .filter_map(|part| part["text"].as_str())
            .collect()
    }

    /// The parts of one type.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.parts.iter().filter(move |part| part["type"] == kind)
    }

    /// The part of a tool call.
    pub fn call(&self, tool_call_id: &str) -> Option<&Value> {
        self.parts
            .iter()
            .find(|part| part["toolCallId"] == tool_call_id)
    }
}
