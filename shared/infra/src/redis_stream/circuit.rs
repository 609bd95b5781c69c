//! Spares callers the wait for a server that is known to be away.

use super::{keys::Slot, lock};
use std::{sync::Mutex, time::Duration};
use tokio::time::Instant;

/// After a failure nobody tries for so long; then one does.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the one may take.
const TRIAL: Duration = Duration::from_secs(3);
/// Parts of a cluster that fail apart; a node holds a range of slots.
const RANGES: usize = 64;

/// One circuit for each range of slots.
#[derive(Debug)]
pub(super) struct Circuits([Circuit; RANGES]);

/// Closed while the server answers. After a failure it is open: calls fail at once, but for
/// one in a while that tries.
#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<Option<Instant>>);

/// The server did not answer a moment ago.
#[derive(Debug, thiserror::Error)]
#[error("redis did not answer a moment ago")]
pub(super) struct Away;

impl Circuits {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Circuit::default()))
    }

    /// The one of `slot`; all are one where there is one node.
    pub(super) fn of(&self, slot: Slot) -> &Circuit {
        let [first, ..] = &self.0;
        self.0.get(slot.range(RANGES)).unwrap_or(first)
    }
}

impl Circuit {
    /// Lets a call through, or fails it.
    pub(super) fn admit(&self, now: Instant) -> Result<(), Away> {
        let mut open_until = lock(&self.0);
        match *open_until {
            Some(until) if now < until => Err(Away),
            Some(_) => {
                *open_until = Some(now + TRIAL);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The server answered.
    pub(super) fn answered(&self) {
        *lock(&self.0) = None;
    }

    /// The server did not answer.
    pub(super) fn failed(&self, now: Instant) {
        *lock(&self.0) = Some(now + PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_one_call_tries_and_the_others_fail_at_once() {
        let circuit = Circuit::default();
        let now = Instant::now();
        assert!(circuit.admit(now).is_ok());
        circuit.failed(now);
        assert!(circuit.admit(now).is_err());

        let later = now + PAUSE;
        assert!(circuit.admit(later).is_ok());
        assert!(circuit.admit(later).is_err());

        circuit.answered();
        assert!(circuit.admit(later).is_ok());
        assert!(circuit.admit(later).is_ok());
    }

    #[test]
    fn a_trial_that_was_dropped_is_followed_by_another() {
        let circuit = Circuit::default();
        let now = Instant::now();
        circuit.failed(now);
        assert!(circuit.admit(now + PAUSE).is_ok());
        assert!(circuit.admit(now + PAUSE + TRIAL).is_ok());
    }
}
