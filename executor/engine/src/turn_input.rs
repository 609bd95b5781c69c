//! What the engine is given of a turn.

use crate::in_flight::InFlight;
use copilot_core::{ledger::LedgerCall, message::Message, turn::Turn};

/// A claimed turn with all that running it needs.
#[derive(Clone, Debug)]
pub struct TurnInput {
    /// The turn.
    pub turn: Turn,
    /// The session's messages up to and including what this turn has stored so far.
    pub history: Vec<Message>,
    /// All calls of the last committed reply, if any of them is not done; those with an outcome
    /// are. Their tool messages are not in the history yet.
    pub unfinished: Vec<LedgerCall>,
    /// Where the caller can see what the reply in flight has cost so far.
    pub in_flight: InFlight,
}

impl TurnInput {
    /// A turn that nobody has begun yet, or whose last step is complete.
    #[must_use]
    pub fn new(turn: Turn, history: Vec<Message>) -> Self {
        Self {
            turn,
            history,
            unfinished: Vec::new(),
            in_flight: InFlight::default(),
        }
    }
}
