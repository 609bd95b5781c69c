//! Why a stream cannot be folded.

/// The first event that a strict client or the contract refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {place} ({kind}): {problem}")]
pub struct FoldError {
    /// Which event, counted from 0 over all responses; the number of events for a missing end.
    pub place: usize,
    /// Its `type`.
    pub kind: String,
    /// What is wrong.
    pub problem: String,
}
