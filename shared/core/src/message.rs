//! Messages as they are stored: what a client reads and what the model is given.

use crate::{
    clock::Timestamp,
    id::{MessageId, SessionId, TurnId},
    turn::{FinishReason, TurnError, Usage},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Places kept for one turn's messages: `sequence = turn number × TURN_SPAN + place`.
///
/// A turn's messages stand together whenever the next one was accepted.
pub const TURN_SPAN: i64 = 1 << 20;

/// The sequence of the message at `place` of turn `number`.
#[must_use]
pub const fn sequence(number: i64, place: u32) -> i64 {
    number * TURN_SPAN + place as i64
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person.
    User,
    /// The copilot.
    Assistant,
    /// The result of a tool call.
    Tool,
    /// The operator.
    System,
}

/// A call that the model asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Unique within the session; names the call in stream, ledger and history.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The input as the model wrote it: JSON, if the model did well.
    pub arguments: String,
}

/// A piece of the model's thinking, with what the provider needs to take it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reasoning {
    /// The text.
    pub text: String,
    /// The provider's signature over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// A file attached to a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttachedFile {
    /// The workspace file.
    pub file_id: uuid::Uuid,
    /// Its name.
    pub name: String,
    /// Its media type.
    pub mime_type: String,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// What is known about a message beside its text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageMetadata {
    /// `queued` or `cancelled` on the user message of a turn that waits or never ran; derived on read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<MessageStatus>,
    /// Files that came with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<AttachedFile>,
    /// The model that wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What that model call used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Why the turn ended, on its last message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<FinishReason>,
    /// Why the turn failed, on its last message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<TurnError>,
    /// How long the model took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// What became of a user message whose turn has not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageStatus {
    /// Its turn waits.
    Queued,
    /// Its turn was cancelled while it waited; the model never sees it.
    Cancelled,
}

/// A stored message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Its session.
    pub session_id: SessionId,
    /// The turn it belongs to.
    pub turn_id: TurnId,
    /// Its place in the session; grows, with gaps.
    pub sequence: i64,
    /// Who speaks.
    pub role: Role,
    /// The text; none for an assistant message that only calls tools.
    pub content: Option<String>,
    /// The tool's name, on a tool message.
    pub name: Option<String>,
    /// The call that a tool message answers.
    pub tool_call_id: Option<String>,
    /// The calls of an assistant message.
    pub tool_calls: Vec<ToolCall>,
    /// The thinking that led to an assistant message; never sent to clients as text of the message.
    pub reasoning: Vec<Reasoning>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// The rest.
    pub metadata: MessageMetadata,
}

/// A message to be stored; session, turn and time come from the transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMessage {
    /// Its id.
    pub id: MessageId,
    /// Its place within the turn; 0 is the message that began it.
    pub place: u32,
    /// Who speaks.
    pub role: Role,
    /// The text.
    pub content: Option<String>,
    /// The tool's name, on a tool message.
    pub name: Option<String>,
    /// The call that a tool message answers.
    pub tool_call_id: Option<String>,
    /// The calls of an assistant message.
    pub tool_calls: Vec<ToolCall>,
    /// The thinking that led to an assistant message.
    pub reasoning: Vec<Reasoning>,
    /// The rest.
    pub metadata: MessageMetadata,
}

impl NewMessage {
    /// A message of `role` with nothing in it yet.
    #[must_use]
    pub fn empty(id: MessageId, place: u32, role: Role) -> Self {
        Self {
            id,
            place,
            role,
            content: None,
            name: None,
            tool_call_id: None,
            tool_calls: Vec::new(),
            reasoning: Vec::new(),
            metadata: MessageMetadata::default(),
        }
    }

    /// A message of `role` that says `content`.
    #[must_use]
    pub fn text(id: MessageId, place: u32, role: Role, content: impl Into<String>) -> Self {
        Self {
            content: Some(content.into()),
            ..Self::empty(id, place, role)
        }
    }

    /// The answer to `call`.
    #[must_use]
    pub fn tool_result(id: MessageId, place: u32, call: &ToolCall, content: String) -> Self {
        Self {
            name: Some(call.name.clone()),
            tool_call_id: Some(call.id.clone()),
            ..Self::text(id, place, Role::Tool, content)
        }
    }
}

/// Replaces every U+0000, which no database text and few terminals take, by U+FFFD.
#[must_use]
pub fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{FFFD}")
    } else {
        text
    }
}

/// [`without_nul`] for every string of a JSON value, keys included.
#[must_use]
pub fn value_without_nul(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_nul(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(value_without_nul).collect()),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| (without_nul(key), value_without_nul(value)))
                .collect(),
        ),
        other => other,
    }
}
