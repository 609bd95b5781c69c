//! What is told of the loops that work in the background.

/// Counts rounds of background loops, so that an operator sees one that stands still or fails.
pub trait Rounds: Send + Sync {
    /// A round of `task`, one of few fixed names, has ended.
    fn ended(&self, task: &'static str, round: Round);
}

/// How a round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// It did its work, or found none.
    Done,
    /// It could not; the next one tries again.
    Failed,
}

impl Round {
    /// As it is told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

impl<T, E> From<&Result<T, E>> for Round {
    fn from(outcome: &Result<T, E>) -> Self {
        if outcome.is_ok() {
            Self::Done
        } else {
            Self::Failed
        }
    }
}

/// Nobody is told.
impl Rounds for () {
    fn ended(&self, _: &'static str, _: Round) {}
}
