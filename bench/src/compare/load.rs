//! What is asked of a contender.

/// A closed loop of turns, all answered alike.
pub(super) struct Load {
    pub(super) title: &'static str,
    pub(super) concurrency: usize,
    pub(super) turns: usize,
    pub(super) deltas: usize,
    /// The model's pause before each delta.
    pub(super) delay_millis: u64,
}

impl Load {
    pub(super) fn fast() -> Self {
        Self {
            title: "8 turns at a time, 200 deltas each, as fast as the model can",
            concurrency: 8,
            turns: 600,
            deltas: 200,
            delay_millis: 0,
        }
    }

    pub(super) fn paced() -> Self {
        Self {
            title: "64 turns at a time, 200 deltas each, 5 ms between deltas",
            concurrency: 64,
            turns: 384,
            deltas: 200,
            delay_millis: 5,
        }
    }

    pub(super) fn single() -> Self {
        Self {
            title: "One turn at a time, 20 deltas",
            concurrency: 1,
            turns: 200,
            deltas: 20,
            delay_millis: 0,
        }
    }
}
