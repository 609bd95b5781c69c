//! What `DefaultChatTransport` of the AI SDK sends. Only the last message is read: history
//! is the server's.

use crate::{
    fields::{Fields, ReadFields},
    limits::{CLIENT_ID_CHARS, MESSAGE_CHARS},
};
use copilot_core::message::without_nul;
use poem_openapi::{Enum, Object, types::Any};
use serde_json::Value;

/// Why the client sends
#[derive(Clone, Copy, Default, Enum)]
#[oai(rename_all = "kebab-case")]
pub(crate) enum Trigger {
    #[default]
    SubmitMessage,
    RegenerateMessage,
}

/// A chat's new message, as `DefaultChatTransport` sends it
#[derive(Object)]
#[oai(rename = "AiSdkChat", rename_all = "camelCase")]
pub(crate) struct ChatBody {
    /// The chat's own id, without `/`
    #[oai(validator(min_length = 1, max_length = 128))]
    pub(crate) id: String,
    /// UIMessages; only the last one is read
    #[oai(validator(min_items = 1))]
    messages: Vec<Any<Value>>,
    /// Why the client sends
    #[oai(default)]
    pub(crate) trigger: Trigger,
    /// The message that is edited or made again
    pub(crate) message_id: Option<String>,
    /// The text of the last message.
    #[oai(skip)]
    pub(crate) text: String,
    /// The id of the last message.
    #[oai(skip)]
    pub(crate) last_id: Option<String>,
}

impl ReadFields for ChatBody {
    fn read(fields: &mut Fields) -> Self {
        let triggers = [
            ("submit-message", Trigger::SubmitMessage),
            ("regenerate-message", Trigger::RegenerateMessage),
        ];
        let mut body = Self {
            id: chat_id(fields),
            messages: Vec::new(),
            trigger: fields.choice("trigger", &triggers).unwrap_or_default(),
            message_id: fields.text("messageId"),
            text: String::new(),
            last_id: None,
        };
        if body.is_new_message() {
            body.read_last(fields);
        }
        body
    }
}

impl ChatBody {
    /// Whether it is a plain new message: no edit, and nothing to be made again.
    pub(crate) const fn is_new_message(&self) -> bool {
        matches!(self.trigger, Trigger::SubmitMessage) && self.message_id.is_none()
    }

    fn read_last(&mut self, fields: &mut Fields) {
        match last_message(fields) {
            Ok((id, text)) => {
                self.text = text;
                self.last_id = id;
            }
            Err(problem) => {
                let _: Option<()> = fields.refuse("messages", problem);
            }
        }
    }
}

fn chat_id(fields: &mut Fields) -> String {
    let id = without_nul(fields.short_text("id", CLIENT_ID_CHARS).unwrap_or_default());
    if id.contains('/') {
        let _: Option<()> = fields.refuse("id", "must not contain /");
    } else if id.is_empty() && !fields.is_refused("id") {
        let _: Option<()> = fields.refuse("id", "is missing");
    }
    id
}

type LastMessage = (Option<String>, String);

fn last_message(fields: &mut Fields) -> Result<LastMessage, String> {
    let Some(Value::Array(mut messages)) = fields.take("messages") else {
        return Err("must be a list of messages".to_owned());
    };
    let last = messages.pop().ok_or("must have at least one message")?;
    if last.get("role").and_then(Value::as_str) != Some("user") {
        return Err("the last message must be one of the user".to_owned());
    }
    let id = match last.get("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) if (1..=CLIENT_ID_CHARS).contains(&id.chars().count()) => {
            Some(without_nul(id.clone()))
        }
        _ => {
            return Err(format!(
                "the last message's id must have 1 to {CLIENT_ID_CHARS} characters"
            ));
        }
    };
    let text = without_nul(text_of(last.get("parts"))?);
    if text.trim().is_empty() {
        return Err("the last message must not be blank".to_owned());
    }
    if text.chars().count() > MESSAGE_CHARS {
        return Err(format!(
            "the last message must have at most {MESSAGE_CHARS} characters"
        ));
    }
    Ok((id, text))
}

fn text_of(parts: Option<&Value>) -> Result<String, String> {
    let parts = parts
        .and_then(Value::as_array)
        .ok_or("the last message must have a list of parts")?;
    let mut texts = Vec::new();
    for part in parts {
        let field = |name| part.get(name).and_then(Value::as_str);
        match (field("type"), field("text")) {
            (Some("text"), Some(text)) => texts.push(text),
            (Some("text"), None) => return Err("a text part must have a text".to_owned()),
            (Some("file"), _) => return Err("file parts are not supported yet".to_owned()),
            (Some(_), _) => {}
            (None, _) => return Err("every part must have a type".to_owned()),
        }
    }
    Ok(texts.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<ChatBody, Vec<String>> {
        Fields::parse(body.to_string().as_bytes()).map_err(crate::testing::wrong_fields)
    }

    fn said(parts: &Value) -> Value {
        json!({"id": "chat", "messages": [
            {"id": "old", "role": "user", "parts": "not read"},
            {"id": "m1", "role": "user", "parts": parts},
        ]})
    }

    #[test]
    fn the_last_message_is_read_and_its_texts_are_joined() {
        let parts = json!([{"type": "text", "text": "a\0"}, {"type": "data-x"}, {"type": "text", "text": "b"}]);
        let body = read(&said(&parts)).unwrap();
        assert_eq!(
            (body.id.as_str(), body.text.as_str()),
            ("chat", "a\u{FFFD}\nb")
        );
        assert_eq!(body.last_id.as_deref(), Some("m1"));
        assert!(body.is_new_message());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let file = json!([{"type": "file", "url": "data:,"}]);
        for (body, expected) in [
            (json!({}), vec!["id", "messages"]),
            (json!({"id": "a/b", "messages": []}), vec!["id", "messages"]),
            (json!({"id": "", "messages": 1}), vec!["id", "messages"]),
            (said(&file), vec!["messages"]),
            (said(&json!("text")), vec!["messages"]),
            (
                json!({"id": "c", "messages": [{"role": "assistant", "parts": []}]}),
                vec!["messages"],
            ),
            (
                json!({"id": "c", "messages": [], "trigger": "guess"}),
                vec!["trigger", "messages"],
            ),
        ] {
            assert_eq!(read(&body).err().unwrap(), expected, "{body}");
        }
    }

    #[test]
    fn an_edit_is_told_apart_before_its_messages_are_read() {
        assert!(
            !read(&json!({"id": "c", "messageId": "m"}))
                .unwrap()
                .is_new_message()
        );
        let again = json!({"id": "c", "trigger": "regenerate-message", "messages": []});
        assert!(!read(&again).unwrap().is_new_message());
    }
}
