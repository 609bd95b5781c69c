//! Who is told of each turn's end, for logs and metrics.

use crate::{
    clock::Timestamp,
    event::{Entry, Event},
    position::Attempt,
    turn::{FinishReason, Turn, TurnKey, TurnStatus, Usage},
};
use std::time::Duration;

/// Hears of the end of turns.
///
/// **Guarantee** of those who tell: once for each turn, by whoever committed its end, right after
/// the commit. **Guarantee** of the listener: it returns at once and never fails.
pub trait TurnEnds: Send + Sync {
    /// A turn has ended.
    fn ended(&self, turn: &EndedTurn);
}

/// A turn at its end, as operators see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedTurn {
    /// The turn.
    pub key: TurnKey,
    /// The attempt that ended it.
    pub attempt: Attempt,
    /// A terminal status.
    pub status: TurnStatus,
    /// Why its answer ended.
    pub finish_reason: FinishReason,
    /// Model replies.
    pub steps: u32,
    /// Tool calls that the model made.
    pub tools: usize,
    /// What it used.
    pub usage: Usage,
    /// From the last claim to the first thing shown of the answer; none: not known here.
    pub first_delta: Option<Duration>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it first ran; none: never.
    pub started_at: Option<Timestamp>,
}

impl EndedTurn {
    /// The end of `turn` as somebody sees it who did not run it: by its row and its parts.
    #[must_use]
    pub fn of<'a>(
        turn: &Turn,
        status: TurnStatus,
        finish_reason: FinishReason,
        parts: impl IntoIterator<Item = &'a Entry>,
    ) -> Self {
        let is_call = |entry: &&Entry| matches!(entry.event, Event::ToolInputAvailable { .. });
        Self {
            key: turn.key(),
            attempt: turn.attempt,
            status,
            finish_reason,
            steps: turn.steps,
            tools: parts.into_iter().filter(is_call).count(),
            usage: turn.usage,
            first_delta: None,
            created_at: turn.created_at,
            started_at: turn.started_at,
        }
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unheard;

impl TurnEnds for Unheard {
    fn ended(&self, _: &EndedTurn) {}
}
