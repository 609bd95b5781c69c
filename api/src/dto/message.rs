//! Stored messages.

use super::turn::{FinishReasonDto, TurnErrorDto, UsageDto};
use copilot_core::{
    clock::Timestamp,
    message::{AttachedFile, Message, MessageMetadata, MessageStatus, Role, ToolCall},
};
use poem_openapi::{Enum, Object};
use uuid::Uuid;

/// Who speaks
#[derive(Clone, Copy, Enum)]
#[oai(rename = "Role", rename_all = "lowercase")]
pub(crate) enum RoleDto {
    User,
    Assistant,
    Tool,
    System,
}

impl From<Role> for RoleDto {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Assistant => Self::Assistant,
            Role::Tool => Self::Tool,
            Role::System => Self::System,
        }
    }
}

/// What became of a user message whose turn has not run
#[derive(Clone, Copy, Enum)]
#[oai(rename = "MessageStatus", rename_all = "lowercase")]
pub(crate) enum MessageStatusDto {
    Queued,
    Cancelled,
}

impl From<MessageStatus> for MessageStatusDto {
    fn from(status: MessageStatus) -> Self {
        match status {
            MessageStatus::Queued => Self::Queued,
            MessageStatus::Cancelled => Self::Cancelled,
        }
    }
}

/// Always `function`
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub(crate) enum ToolCallType {
    Function,
}

/// A call that the model asked for
#[derive(Object)]
#[oai(rename = "ToolCall")]
pub(crate) struct ToolCallDto {
    /// Names the call in stream and history
    id: String,
    /// Always `function`
    #[oai(rename = "type")]
    kind: ToolCallType,
    /// Tool and input
    function: CalledFunction,
}

/// A tool and its input
#[derive(Object)]
pub(crate) struct CalledFunction {
    /// The tool
    name: String,
    /// The input, as a JSON text
    arguments: String,
}

impl From<ToolCall> for ToolCallDto {
    fn from(call: ToolCall) -> Self {
        let function = CalledFunction {
            name: call.name,
            arguments: call.arguments,
        };
        Self {
            id: call.id,
            kind: ToolCallType::Function,
            function,
        }
    }
}

/// A file that came with a message
#[derive(Object)]
#[oai(rename = "AttachedFile")]
pub(crate) struct AttachedFileDto {
    /// The workspace file
    file_id: Uuid,
    /// Its name
    name: String,
    /// Its media type
    mime_type: String,
    /// Its size
    size_bytes: u64,
}

impl From<AttachedFile> for AttachedFileDto {
    fn from(file: AttachedFile) -> Self {
        let AttachedFile {
            file_id,
            name,
            mime_type,
            size_bytes,
        } = file;
        Self {
            file_id,
            name,
            mime_type,
            size_bytes,
        }
    }
}

/// What is known about a message beside its text
#[derive(Object)]
#[oai(rename = "MessageMetadata", skip_serializing_if_is_none)]
pub(crate) struct MessageMetadataDto {
    /// On the user message of a turn that waits or never ran
    status: Option<MessageStatusDto>,
    /// Files that came with it
    files: Option<Vec<AttachedFileDto>>,
    /// The model that wrote it
    model: Option<String>,
    /// What that model call used
    usage: Option<UsageDto>,
    /// Why the turn ended, on its last message
    finish_reason: Option<FinishReasonDto>,
    /// Why the turn failed, on its last message
    error: Option<TurnErrorDto>,
    /// How long the model took
    duration_ms: Option<u64>,
}

impl From<MessageMetadata> for MessageMetadataDto {
    fn from(metadata: MessageMetadata) -> Self {
        let files = metadata.files.into_iter().map(Into::into).collect();
        Self {
            status: metadata.status.map(Into::into),
            files: none_if_empty(files),
            model: metadata.model,
            usage: metadata.usage.map(Into::into),
            finish_reason: metadata.finish_reason.map(Into::into),
            error: metadata.error.map(Into::into),
            duration_ms: metadata.duration_ms,
        }
    }
}

/// A stored message
#[derive(Object)]
#[oai(rename = "Message")]
pub(crate) struct MessageDto {
    /// Its id
    id: Uuid,
    /// Its place in the session; grows, with gaps
    sequence: i64,
    /// Who speaks
    role: RoleDto,
    /// The text; null for an assistant message that only calls tools
    content: Option<String>,
    /// The tool's name, on a tool message
    name: Option<String>,
    /// The call that a tool message answers
    tool_call_id: Option<String>,
    /// Always null
    refusal: Option<String>,
    /// The calls of an assistant message
    tool_calls: Option<Vec<ToolCallDto>>,
    /// Always null
    function_call: Option<String>,
    /// The turn it belongs to
    turn_id: Uuid,
    /// When it was stored
    created_at: Timestamp,
    /// The rest
    metadata: MessageMetadataDto,
}

impl From<Message> for MessageDto {
    fn from(message: Message) -> Self {
        Self {
            id: message.id.uuid(),
            sequence: message.sequence,
            role: message.role.into(),
            content: message.content,
            name: message.name,
            tool_call_id: message.tool_call_id,
            refusal: None,
            tool_calls: none_if_empty(message.tool_calls.into_iter().map(Into::into).collect()),
            function_call: None,
            turn_id: message.turn_id.uuid(),
            created_at: message.created_at,
            metadata: message.metadata.into(),
        }
    }
}

fn none_if_empty<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}
