//! A turn: its states and the legal ways between them, what it was asked, how it ended.

use crate::{
    clock::Timestamp,
    event::{Entry, Event, FilesNote},
    id::{ExecutorId, MessageId, SessionId, TurnId, UserId},
    position::{Attempt, Position},
    traceparent::Traceparent,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a turn stands: `queued → running ⇄ paused → completed | failed | cancelled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TurnStatus {
    /// Accepted; waits for its place or an executor.
    Queued,
    /// An executor works on it, or another will soon.
    Running,
    /// Waits for an approval: no executor, no running slot, still unfinished.
    Paused,
    /// Ended well.
    Completed,
    /// Ended with an error.
    Failed,
    /// Ended because somebody asked.
    Cancelled,
}

impl TurnStatus {
    /// Whether the turn is over for good.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Cancelled => true,
            Self::Queued | Self::Running | Self::Paused => false,
        }
    }

    /// Whether `next` may follow. `Running → Running` is another attempt.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Queued | Self::Paused => {
                matches!(next, Self::Running | Self::Cancelled | Self::Failed)
            }
            Self::Running => !matches!(next, Self::Queued),
            Self::Completed | Self::Failed | Self::Cancelled => false,
        }
    }

    /// Its name in database, JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why a turn's answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FinishReason {
    /// The model had said all.
    Stop,
    /// The model's output limit.
    Length,
    /// The model wanted more tools than `turn.max_steps` allows.
    ToolCalls,
    /// The provider's filter.
    ContentFilter,
    /// Somebody cancelled.
    Interrupted,
    /// The turn failed.
    Error,
    /// Anything else that the provider said.
    Other,
}

impl FinishReason {
    /// Its name in database and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool-calls",
            Self::ContentFilter => "content-filter",
            Self::Interrupted => "interrupted",
            Self::Error => "error",
            Self::Other => "other",
        }
    }
}

/// The closed list of what can go wrong with a turn, as clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The model's stream broke after text was shown.
    StreamError,
    /// The provider cannot be reached or is out of order.
    LlmUnavailable,
    /// The provider asks to slow down.
    LlmRateLimited,
    /// The provider does not take the configured key.
    LlmAuth,
    /// The provider does not take the request.
    LlmRefused,
    /// The conversation does not fit the model's window.
    ContextTooLong,
    /// `turn.timeout_seconds` passed.
    TurnTimeout,
    /// `turn.max_attempts` attempts were lost in a row.
    AttemptsExhausted,
    /// The executor died and nobody could go on.
    ExecutorLost,
    /// A spending limit was reached.
    BudgetExceeded,
    /// Our own fault.
    Internal,
}

/// Why a turn failed: a sentence for people, and what a program may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnError {
    /// Which of the closed list.
    pub code: ErrorCode,
    /// A sentence for people; shows no internals.
    pub message: String,
    /// Whether the same message may succeed later.
    pub retryable: bool,
    /// When it is worth trying again, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
}

impl TurnError {
    /// An error that may pass by itself.
    #[must_use]
    pub fn retryable(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retryable: true,
            retry_after_seconds: None,
        }
    }

    /// An error that needs somebody to change something.
    #[must_use]
    pub fn lasting(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retryable: false,
            retry_after_seconds: None,
        }
    }
}

/// Tokens used. All counts are 0 until the provider reports or an estimate is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Tokens written, reasoning included.
    pub output_tokens: u64,
    /// Of the input, read from the provider's cache.
    pub cached_input_tokens: u64,
    /// Of the output, spent on thinking.
    pub reasoning_tokens: u64,
    /// Input and output.
    pub total_tokens: u64,
    /// Whether any of it was counted by us, since the provider did not say.
    pub estimated: bool,
}

impl Usage {
    /// The sum of two steps.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens + other.input_tokens,
            output_tokens: self.output_tokens + other.output_tokens,
            cached_input_tokens: self.cached_input_tokens + other.cached_input_tokens,
            reasoning_tokens: self.reasoning_tokens + other.reasoning_tokens,
            total_tokens: self.total_tokens + other.total_tokens,
            estimated: self.estimated || other.estimated,
        }
    }
}

/// Who wrote the message that begins a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpeningRole {
    /// The person.
    #[default]
    User,
    /// An assistant message given by the client (a greeting, an imported answer).
    Assistant,
}

/// All that running a turn needs beside the history; stored with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TurnRequest {
    /// Who wrote the message that begins it.
    pub opening_role: OpeningRole,
    /// What the page knows: reaches the model, not the stored text.
    pub context: BTreeMap<String, String>,
    /// The model that was asked for.
    pub model: Option<String>,
    /// Attached and dropped files; none when the request named no file.
    pub files: Option<FilesNote>,
    /// The trace of the request that began it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
}

/// A turn, as the database has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Its id.
    pub id: TurnId,
    /// Its session.
    pub session_id: SessionId,
    /// The session's owner; none while it is anonymous.
    pub user_id: Option<UserId>,
    /// Its number within the session, from 1, in order of acceptance.
    pub number: i64,
    /// Where it stands.
    pub status: TurnStatus,
    /// How often it was claimed, forced or otherwise fenced.
    pub attempt: Attempt,
    /// The lease that works on it.
    pub owner: Option<ExecutorId>,
    /// Attempts lost in a row without a durable point.
    pub lost_attempts: u32,
    /// Model replies stored so far.
    pub steps: u32,
    /// The last durable point: the end of its stored parts.
    pub durable: Position,
    /// Whether somebody asked to cancel it.
    pub cancel_requested: bool,
    /// The id of the first assistant message that it makes, on every attempt and replay.
    pub answer_id: MessageId,
    /// What it was asked.
    pub request: TurnRequest,
    /// Why its answer ended.
    pub finish_reason: Option<FinishReason>,
    /// What it used.
    pub usage: Usage,
    /// Why it failed.
    pub error: Option<TurnError>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it first ran; none while it waits.
    pub started_at: Option<Timestamp>,
    /// When it must have ended; none before it first ran.
    pub deadline_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl Turn {
    /// Where its stream and rows are.
    #[must_use]
    pub const fn key(&self) -> TurnKey {
        TurnKey {
            session_id: self.session_id,
            turn_id: self.id,
        }
    }

    /// The entries that every stream of this turn begins with, derived from the row:
    /// whoever begins the stream writes exactly these.
    #[must_use]
    pub fn opening(&self) -> Vec<Entry> {
        let start = Event::Start {
            message_id: self.answer_id,
            message_metadata: crate::event::StartMetadata {
                session_id: self.session_id,
                turn_id: self.id,
            },
        };
        let mut entries = vec![Entry::new(Position::new(0, 1), start)];
        if let Some(files) = &self.request.files {
            entries.push(Entry::new(
                Position::new(0, 2),
                Event::Files {
                    data: files.clone(),
                },
            ));
        }
        entries
    }

    /// The end of [`Self::opening`]: the durable point of a turn that has none of its own.
    #[must_use]
    pub const fn opening_end(&self) -> Position {
        Position::new(0, if self.request.files.is_some() { 2 } else { 1 })
    }
}

/// Names a turn and its session; all that crosses a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TurnKey {
    /// The session.
    pub session_id: SessionId,
    /// The turn.
    pub turn_id: TurnId,
}

/// What a request does when its session is busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBusy {
    /// Wait for what stands before.
    #[default]
    Queue,
    /// Refuse.
    Reject,
    /// Cancel what runs and waits, then run.
    Interrupt,
}

/// Running and in-flight limits of one caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Turns that may run at once; further ones wait.
    pub running: u32,
    /// Turns that may be unfinished at once; further ones are refused.
    pub in_flight: u32,
}

/// A message to be accepted as a turn.
#[derive(Clone, Debug)]
pub struct NewTurn {
    /// The turn's id, chosen by the caller.
    pub id: TurnId,
    /// The id of the message that begins it.
    pub message_id: MessageId,
    /// The id of the first assistant message that it will make.
    pub answer_id: MessageId,
    /// The text, with its attachments block.
    pub content: String,
    /// The rest of the request.
    pub request: TurnRequest,
    /// The client's name for this request, if it gave one.
    pub idempotency: Option<IdempotencyKey>,
    /// What to do when the session is busy.
    pub on_busy: OnBusy,
    /// The caller's limits.
    pub caps: Caps,
}

/// A client's name for a request, and what the request said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The name, unique within the session.
    pub key: String,
    /// A digest of the content, to tell a repeat from a mistake.
    pub digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_turn_never_moves_again() {
        use TurnStatus::{Cancelled, Completed, Failed, Paused, Queued, Running};
        for ended in [Completed, Failed, Cancelled] {
            assert!(ended.is_terminal());
            for next in [Queued, Running, Paused, Completed, Failed, Cancelled] {
                assert!(!ended.may_become(next));
            }
        }
        assert!(
            Queued.may_become(Running) && Running.may_become(Running) && Paused.may_become(Running)
        );
        assert!(
            !Queued.may_become(Completed)
                && !Running.may_become(Queued)
                && !Queued.may_become(Paused)
        );
    }
}
