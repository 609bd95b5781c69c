//! Turns.

use copilot_core::{
    clock::Timestamp,
    port::store::Listed,
    turn::{ErrorCode, FinishReason, Turn, TurnError, TurnStatus, Usage},
};
use poem_openapi::{Enum, Object};
use uuid::Uuid;

/// Where a turn stands
#[derive(Clone, Copy, Enum)]
#[oai(rename = "TurnStatus", rename_all = "lowercase")]
pub(crate) enum TurnStatusDto {
    Queued,
    Running,
    Paused,
    Completed,
    Failed,
    Cancelled,
}

impl From<TurnStatus> for TurnStatusDto {
    fn from(status: TurnStatus) -> Self {
        match status {
            TurnStatus::Queued => Self::Queued,
            TurnStatus::Running => Self::Running,
            TurnStatus::Paused => Self::Paused,
            TurnStatus::Completed => Self::Completed,
            TurnStatus::Failed => Self::Failed,
            TurnStatus::Cancelled => Self::Cancelled,
        }
    }
}

/// Why an answer ended
#[derive(Clone, Copy, Enum)]
#[oai(rename = "FinishReason", rename_all = "kebab-case")]
pub(crate) enum FinishReasonDto {
    Stop,
    Length,
    ToolCalls,
    ContentFilter,
    Interrupted,
    Error,
    Other,
}

impl From<FinishReason> for FinishReasonDto {
    fn from(reason: FinishReason) -> Self {
        match reason {
            FinishReason::Stop => Self::Stop,
            FinishReason::Length => Self::Length,
            FinishReason::ToolCalls => Self::ToolCalls,
            FinishReason::ContentFilter => Self::ContentFilter,
            FinishReason::Interrupted => Self::Interrupted,
            FinishReason::Error => Self::Error,
            FinishReason::Other => Self::Other,
        }
    }
}

/// What can go wrong with a turn; also in `data-error` of a stream
#[derive(Clone, Copy, Enum)]
#[oai(rename = "ErrorCode", rename_all = "snake_case")]
pub(crate) enum ErrorCodeDto {
    StreamError,
    LlmUnavailable,
    LlmRateLimited,
    LlmAuth,
    LlmRefused,
    ContextTooLong,
    TurnTimeout,
    AttemptsExhausted,
    ExecutorLost,
    BudgetExceeded,
    Internal,
}

impl From<ErrorCode> for ErrorCodeDto {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::StreamError => Self::StreamError,
            ErrorCode::LlmUnavailable => Self::LlmUnavailable,
            ErrorCode::LlmRateLimited => Self::LlmRateLimited,
            ErrorCode::LlmAuth => Self::LlmAuth,
            ErrorCode::LlmRefused => Self::LlmRefused,
            ErrorCode::ContextTooLong => Self::ContextTooLong,
            ErrorCode::TurnTimeout => Self::TurnTimeout,
            ErrorCode::AttemptsExhausted => Self::AttemptsExhausted,
            ErrorCode::ExecutorLost => Self::ExecutorLost,
            ErrorCode::BudgetExceeded => Self::BudgetExceeded,
            ErrorCode::Internal => Self::Internal,
        }
    }
}

/// Why a turn failed
#[derive(Object)]
#[oai(rename = "TurnError")]
pub(crate) struct TurnErrorDto {
    /// Which of the closed list
    code: ErrorCodeDto,
    /// A sentence for people
    message: String,
    /// Whether the same message may succeed later
    retryable: bool,
}

impl From<TurnError> for TurnErrorDto {
    fn from(error: TurnError) -> Self {
        Self {
            code: error.code.into(),
            message: error.message,
            retryable: error.retryable,
        }
    }
}

/// Tokens used
#[derive(Object)]
#[oai(rename = "Usage")]
pub(crate) struct UsageDto {
    /// Tokens read, cached ones included
    input_tokens: u64,
    /// Tokens written, reasoning included
    output_tokens: u64,
    /// Of the input, read from the provider's cache
    cached_input_tokens: u64,
    /// Of the output, spent on thinking
    reasoning_tokens: u64,
    /// Input and output
    total_tokens: u64,
    /// Whether any of it was counted by us
    estimated: bool,
}

impl From<Usage> for UsageDto {
    fn from(usage: Usage) -> Self {
        let Usage {
            input_tokens,
            output_tokens,
            cached_input_tokens,
            reasoning_tokens,
            total_tokens,
            estimated,
        } = usage;
        Self {
            input_tokens,
            output_tokens,
            cached_input_tokens,
            reasoning_tokens,
            total_tokens,
            estimated,
        }
    }
}

/// One message of a person and the work that answers it
#[derive(Object)]
#[oai(rename = "Turn")]
pub(crate) struct TurnDto {
    /// Its id
    id: Uuid,
    /// Its session
    session_id: Uuid,
    /// Where it stands
    status: TurnStatusDto,
    /// How often it was taken up
    attempt: u32,
    /// When it was accepted
    created_at: Timestamp,
    /// When it first ran; null while it waits
    started_at: Option<Timestamp>,
    /// When it ended
    finished_at: Option<Timestamp>,
    /// Why its answer ended
    finish_reason: Option<FinishReasonDto>,
    /// What it used so far
    usage: UsageDto,
    /// Why it failed
    error: Option<TurnErrorDto>,
}

impl From<Turn> for TurnDto {
    fn from(turn: Turn) -> Self {
        Self {
            id: turn.id.uuid(),
            session_id: turn.session_id.uuid(),
            status: turn.status.into(),
            attempt: turn.attempt,
            created_at: turn.created_at,
            started_at: turn.started_at,
            finished_at: turn.finished_at,
            finish_reason: turn.finish_reason.map(Into::into),
            usage: turn.usage.into(),
            error: turn.error.map(Into::into),
        }
    }
}

/// A page of a session's turns, newest first
#[derive(Object)]
pub(crate) struct TurnList {
    /// The page
    turns: Vec<TurnDto>,
    /// How many there are in all
    total: u64,
}

impl From<Listed<Turn>> for TurnList {
    fn from(listed: Listed<Turn>) -> Self {
        Self {
            turns: listed.items.into_iter().map(Into::into).collect(),
            total: listed.total,
        }
    }
}
