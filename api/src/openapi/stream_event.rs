//! The events of a stream, as the document shows them. What is sent is written elsewhere, from
//! what is stored; a test holds the two together.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// An event of the UI message stream: the `data` of a server-sent event. Its `id` is the cursor
/// to resume after; events without one are not stored. The last `data` of a stream is `[DONE]`.
/// Comments (`: heartbeat`) keep it open.
#[derive(Serialize, JsonSchema)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
#[expect(
    dead_code,
    reason = "a description: the translator writes what is sent"
)]
pub(crate) enum StreamEvent {
    /// The answer begins
    Start {
        /// The id of the first assistant message, the same on every attempt, replay and reload
        #[schemars(schema_with = "id")]
        message_id: Uuid,
        /// Session and turn
        message_metadata: StartMetadata,
    },
    /// Which files go with the message
    #[serde(rename = "data-files")]
    Files {
        /// Attached and dropped
        data: FilesNote,
    },
    /// A model call begins
    StartStep,
    /// A text block opens
    TextStart {
        /// The block
        id: String,
    },
    /// More of a text block
    TextDelta {
        /// The block
        id: String,
        /// The new characters
        delta: String,
    },
    /// A text block closes
    TextEnd {
        /// The block
        id: String,
    },
    /// A reasoning block opens
    ReasoningStart {
        /// The block
        id: String,
    },
    /// More of a reasoning block
    ReasoningDelta {
        /// The block
        id: String,
        /// The new characters
        delta: String,
    },
    /// A reasoning block closes
    ReasoningEnd {
        /// The block
        id: String,
    },
    /// The model begins to write a tool's input
    ToolInputStart {
        /// The call
        tool_call_id: String,
        /// The tool
        tool_name: String,
    },
    /// More of a tool's input
    ToolInputDelta {
        /// The call
        tool_call_id: String,
        /// The new characters
        input_text_delta: String,
    },
    /// A tool's input is complete
    ToolInputAvailable {
        /// The call
        tool_call_id: String,
        /// The tool
        tool_name: String,
        /// The input
        input: Value,
    },
    /// A tool's input is no JSON, or the tool is unknown; from profile `v6` on
    ToolInputError {
        /// The call
        tool_call_id: String,
        /// The tool
        tool_name: String,
        /// The input as far as it can be shown
        input: Value,
        /// What is wrong, for people
        error_text: String,
    },
    /// A tool has answered
    ToolOutputAvailable {
        /// The call
        tool_call_id: String,
        /// The typed result
        #[schemars(schema_with = "tool_response")]
        output: Value,
    },
    /// A tool has failed, or its outcome is unknown
    ToolOutputError {
        /// The call
        tool_call_id: String,
        /// What happened, for people
        error_text: String,
    },
    /// A step, its tools included, is over
    FinishStep,
    /// What was shown of this step is void: it comes again; profile `v7` alone
    ResetStep,
    /// What was shown of this step is void: it comes again; profiles `v5` and `v6`
    #[serde(rename = "data-step-retry")]
    StepRetry {
        /// Which step
        data: StepRetry,
    },
    /// A passing word on what goes on
    #[serde(rename = "data-status")]
    Status {
        /// What goes on
        data: StatusNote,
        /// Always true
        transient: bool,
    },
    /// The session got a title
    #[serde(rename = "data-title")]
    Title {
        /// The title
        data: TitleNote,
        /// Always true
        transient: bool,
    },
    /// Why the turn failed, for programs; `error` follows
    #[serde(rename = "data-error")]
    DataError {
        /// Why
        data: StreamError,
    },
    /// Why the turn failed, for people
    Error {
        /// A sentence
        error_text: String,
    },
    /// The turn was cancelled
    Abort {
        /// Why; from profile `v6` on
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String")]
        reason: Option<String>,
    },
    /// The last event of every turn
    Finish {
        /// The closed list of the SDK; from profile `v6` on
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "finish_reason")]
        finish_reason: Option<String>,
        /// Usage, reason and turn
        message_metadata: FinishMetadata,
    },
}

/// `messageMetadata` of `start`
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartMetadata {
    /// The session
    #[schemars(schema_with = "id")]
    session_id: Uuid,
    /// The turn
    #[schemars(schema_with = "id")]
    turn_id: Uuid,
}

/// `messageMetadata` of `finish`
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FinishMetadata {
    /// What the turn used
    #[schemars(schema_with = "usage")]
    usage: Value,
    /// Why its answer ended
    #[schemars(schema_with = "finish_reason")]
    finish_reason: String,
    /// The turn
    #[schemars(schema_with = "id")]
    turn_id: Uuid,
}

/// What became of the files that a request named
#[derive(Serialize, JsonSchema)]
pub(crate) struct FilesNote {
    /// Files that go with the message
    #[schemars(schema_with = "attached_files")]
    attached: Vec<Value>,
    /// Ids that are no file of the caller
    dropped: Vec<String>,
}

/// Which step comes again
#[derive(Serialize, JsonSchema)]
pub(crate) struct StepRetry {
    /// Counted from 1
    step: u32,
    /// The attempt that makes it
    attempt: u32,
}

/// What goes on
#[derive(Serialize, JsonSchema)]
pub(crate) struct StatusNote {
    /// `queued`, `recovering`, `reconnect` or a sentence
    message: String,
}

/// The session's title
#[derive(Serialize, JsonSchema)]
pub(crate) struct TitleNote {
    /// The title
    title: String,
}

/// Why a turn failed
#[derive(Serialize, JsonSchema)]
pub(crate) struct StreamError {
    /// Which of the closed list
    #[schemars(schema_with = "error_code")]
    code: String,
    /// A sentence for people
    message: String,
    /// Whether the same message may succeed later
    retryable: bool,
    /// When it is worth trying again, in seconds
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    retry_after_seconds: Option<u64>,
}

fn id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "uuid"})
}

fn tool_response(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"$ref": "#/components/schemas/ToolResponse"})
}

fn usage(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"$ref": "#/components/schemas/Usage"})
}

fn finish_reason(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"$ref": "#/components/schemas/FinishReason"})
}

fn error_code(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"$ref": "#/components/schemas/ErrorCode"})
}

fn attached_files(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"$ref": "#/components/schemas/AttachedFile"}})
}
