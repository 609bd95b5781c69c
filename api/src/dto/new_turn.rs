//! A message to be answered.

use crate::{
    fields::{Fields, ReadFields},
    limits::{CLIENT_ID_CHARS, CONTEXT_CHARS, CONTEXT_KEYS, FILES, MESSAGE_CHARS},
};
use copilot_core::{
    message::without_nul,
    turn::{OnBusy, OpeningRole},
};
use poem_openapi::{Enum, Object};
use std::collections::BTreeMap;

/// What happens when the session is busy: wait, be refused with 409, or cancel what runs and
/// waits
#[derive(Clone, Copy, Default, Enum)]
#[oai(rename = "OnBusy", rename_all = "lowercase")]
pub(crate) enum OnBusyDto {
    #[default]
    Queue,
    Reject,
    Interrupt,
}

impl From<OnBusyDto> for OnBusy {
    fn from(on_busy: OnBusyDto) -> Self {
        match on_busy {
            OnBusyDto::Queue => Self::Queue,
            OnBusyDto::Reject => Self::Reject,
            OnBusyDto::Interrupt => Self::Interrupt,
        }
    }
}

fn yes() -> bool {
    true
}

/// A message to be answered
#[derive(Object)]
#[oai(rename = "NewTurn")]
pub(crate) struct NewTurnBody {
    /// What is said; blank only with a file
    #[oai(validator(max_length = 64000))]
    pub(crate) message: String,
    /// False: an assistant message given by the client, such as a greeting
    #[oai(default = "yes")]
    pub(crate) is_user_message: bool,
    /// What the page knows, such as `url` and `content`: reaches the model, not the stored
    /// text. At most 16 keys and 200,000 characters
    #[oai(validator(max_properties = 16))]
    pub(crate) context: Option<BTreeMap<String, String>>,
    /// Workspace files that go with the message
    #[oai(validator(max_items = 20))]
    pub(crate) file_ids: Option<Vec<String>>,
    /// The client's name for this message: the same one again attaches to the turn it began
    #[oai(validator(min_length = 1, max_length = 128))]
    pub(crate) message_id: Option<String>,
    /// What happens when the session is busy
    #[oai(default)]
    pub(crate) on_busy: OnBusyDto,
    /// The model to ask, of those that the operator allows
    pub(crate) model: Option<String>,
}

impl ReadFields for NewTurnBody {
    fn read(fields: &mut Fields) -> Self {
        let on_busy = [
            ("queue", OnBusyDto::Queue),
            ("reject", OnBusyDto::Reject),
            ("interrupt", OnBusyDto::Interrupt),
        ];
        let message = message(fields);
        let file_ids = file_ids(fields);
        if message.trim().is_empty() && file_ids.is_none() && !fields.is_refused("message") {
            let _: Option<()> = fields.refuse("message", "must not be blank without a file");
        }
        Self {
            message,
            is_user_message: fields.flag("is_user_message").unwrap_or(true),
            context: context(fields),
            file_ids,
            message_id: fields.short_text("message_id", CLIENT_ID_CHARS),
            on_busy: fields.choice("on_busy", &on_busy).unwrap_or_default(),
            model: fields.text("model"),
        }
    }
}

impl NewTurnBody {
    pub(crate) const fn opening_role(&self) -> OpeningRole {
        if self.is_user_message {
            OpeningRole::User
        } else {
            OpeningRole::Assistant
        }
    }
}

fn message(fields: &mut Fields) -> String {
    let message = without_nul(fields.text("message").unwrap_or_default());
    if message.chars().count() > MESSAGE_CHARS {
        let _: Option<()> = fields.refuse(
            "message",
            format!("must have at most {MESSAGE_CHARS} characters"),
        );
    }
    message
}

fn context(fields: &mut Fields) -> Option<BTreeMap<String, String>> {
    let context = fields.text_map("context")?;
    if context.len() > CONTEXT_KEYS {
        return fields.refuse("context", format!("must have at most {CONTEXT_KEYS} keys"));
    }
    let chars: usize = context
        .iter()
        .map(|(key, value)| key.chars().count() + value.chars().count())
        .sum();
    if chars > CONTEXT_CHARS {
        return fields.refuse(
            "context",
            format!("must have at most {CONTEXT_CHARS} characters in all"),
        );
    }
    Some(
        context
            .into_iter()
            .map(|(key, value)| (without_nul(key), without_nul(value)))
            .collect(),
    )
}

fn file_ids(fields: &mut Fields) -> Option<Vec<String>> {
    let ids = fields.texts("file_ids")?;
    if ids.len() > FILES {
        return fields.refuse("file_ids", format!("must have at most {FILES} ids"));
    }
    Some(ids.into_iter().map(without_nul).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// What is wrong with a body, beside a message that it may lack.
    fn fields_of(mut body: Value) -> Vec<String> {
        if let Some(fields) = body.as_object_mut() {
            fields.entry("message").or_insert_with(|| "hi".into());
        }
        let Err(error) = Fields::parse::<NewTurnBody>(body.to_string().as_bytes()) else {
            return Vec::new();
        };
        crate::testing::wrong_fields(error)
    }

    #[test]
    fn every_wrong_field_is_named() {
        let many: BTreeMap<_, _> = (0..17).map(|n| (n.to_string(), "x")).collect();
        for (body, expected) in [
            (
                json!({"message": "hi", "unknown": 1, "model": null}),
                vec![],
            ),
            (json!({"message": "é".repeat(64_000)}), vec![]),
            (json!({"message": "é".repeat(64_001)}), vec!["message"]),
            (
                json!({"message": 1, "is_user_message": "yes"}),
                vec!["message", "is_user_message"],
            ),
            (json!({"context": {"url": 1}}), vec!["context"]),
            (json!({"context": many}), vec!["context"]),
            (
                json!({"context": {"content": "x".repeat(200_000)}}),
                vec!["context"],
            ),
            (json!({"context": {"content": "x".repeat(199_993)}}), vec![]),
            (json!({"file_ids": vec!["x"; 21]}), vec!["file_ids"]),
            (json!({"file_ids": [1]}), vec!["file_ids"]),
            (json!({"message_id": "x".repeat(129)}), vec!["message_id"]),
            (json!({"message_id": ""}), vec!["message_id"]),
            (
                json!({"message": " \n", "on_busy": "explode"}),
                vec!["message", "on_busy"],
            ),
            (json!({"message": "", "file_ids": ["f"]}), vec![]),
            (json!({"on_busy": "explode"}), vec!["on_busy"]),
            (json!([]), vec!["body"]),
        ] {
            let shown = format!("{:.60}", body.to_string());
            assert_eq!(fields_of(body), expected, "{shown}");
        }
    }

    #[test]
    fn nul_is_replaced_everywhere() {
        let body = json!({"message": "a\0b", "context": {"k\0": "v\0"}, "file_ids": ["\0"]});
        let read: NewTurnBody = Fields::parse(body.to_string().as_bytes()).ok().unwrap();
        assert_eq!(read.message, "a\u{FFFD}b");
        assert_eq!(read.context.unwrap()["k\u{FFFD}"], "v\u{FFFD}");
        assert_eq!(read.file_ids.unwrap(), ["\u{FFFD}"]);
    }
}
