//! The turns that this process works on, or is about to claim.

use crate::halt::{Halt, StopCause};
use copilot_core::{id::TurnId, port::store::OwnedTurn, position::Attempt, turn::TurnKey};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

struct Entry {
    key: TurnKey,
    /// None while the claim is in flight: then it counts as running, whatever the rows say.
    attempt: Option<Attempt>,
    halt: Arc<Halt>,
}

/// All turns of this process. A turn is registered before it is claimed, so that a cancel
/// finds it in every order of events, and only once at a time.
pub(crate) struct Running {
    turns: Mutex<HashMap<TurnId, Entry>>,
    slots: Arc<Semaphore>,
}

/// A turn's place among the running; leaving it open ends it.
pub(crate) struct Registration {
    running: Arc<Running>,
    turn_id: TurnId,
    halt: Arc<Halt>,
    _slot: OwnedSemaphorePermit,
}

/// What the rows mean for what runs here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reconciled {
    /// The table gives them to me, but nothing here works on them.
    pub hand_back: Vec<OwnedTurn>,
}

impl Running {
    /// Room for `concurrency` turns.
    pub(crate) fn new(concurrency: usize) -> Arc<Self> {
        Arc::new(Self {
            turns: Mutex::default(),
            slots: Arc::new(Semaphore::new(concurrency)),
        })
    }

    /// Slots that are free now.
    pub(crate) fn free(&self) -> u32 {
        u32::try_from(self.slots.available_permits()).unwrap_or(u32::MAX)
    }

    /// Registers a turn that is about to be claimed; none: no slot is free, or it is here already.
    pub(crate) fn register(self: &Arc<Self>, key: TurnKey) -> Option<Registration> {
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        let halt = Arc::new(Halt::default());
        let mut turns = self.turns();
        if turns.contains_key(&key.turn_id) {
            return None;
        }
        turns.insert(
            key.turn_id,
            Entry {
                key,
                attempt: None,
                halt: Arc::clone(&halt),
            },
        );
        Some(Registration {
            running: Arc::clone(self),
            turn_id: key.turn_id,
            halt,
            _slot: slot,
        })
    }

    /// Asks one turn to stop, if it is here.
    pub(crate) fn stop(&self, turn: TurnId, cause: StopCause) {
        if let Some(entry) = self.turns().get(&turn) {
            entry.halt.stop(cause);
        }
    }

    /// Asks all turns to stop.
    pub(crate) fn stop_all(&self, cause: StopCause) {
        for entry in self.turns().values() {
            entry.halt.stop(cause);
        }
    }

    /// The turns that are claimed and run, with their attempts.
    pub(crate) fn claimed(&self) -> HashMap<TurnId, Attempt> {
        self.turns()
            .iter()
            .filter_map(|(id, entry)| Some((*id, entry.attempt?)))
            .collect()
    }

    /// The keys of all turns here.
    pub(crate) fn keys(&self) -> Vec<TurnKey> {
        self.turns().values().map(|entry| entry.key).collect()
    }

    /// Judges what runs here by rows that are `owned` by this executor. `before` is what was
    /// claimed when the statement was sent: whatever was claimed since is left alone.
    pub(crate) fn reconcile(
        &self,
        before: &HashMap<TurnId, Attempt>,
        owned: &[OwnedTurn],
    ) -> Reconciled {
        let turns = self.turns();
        let rows: HashMap<TurnId, &OwnedTurn> =
            owned.iter().map(|row| (row.key.turn_id, row)).collect();
        for (id, attempt) in before {
            let Some(entry) = turns
                .get(id)
                .filter(|entry| entry.attempt == Some(*attempt))
            else {
                continue;
            };
            match rows.get(id) {
                Some(row) if row.attempt == *attempt => {
                    if row.cancel_requested {
                        entry.halt.stop(StopCause::Cancelled);
                    }
                }
                Some(row) if row.attempt < *attempt => {}
                Some(_) | None => entry.halt.stop(StopCause::Fenced),
            }
        }
        let hand_back = owned.iter().filter(|row| {
            turns
                .get(&row.key.turn_id)
                .is_none_or(|entry| entry.attempt.is_some_and(|mine| mine < row.attempt))
        });
        Reconciled {
            hand_back: hand_back.copied().collect(),
        }
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<TurnId, Entry>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// Says that the turn was claimed with `attempt`.
    pub(crate) fn claimed(&self, attempt: Attempt) {
        if let Some(entry) = self.running.turns().get_mut(&self.turn_id) {
            entry.attempt = Some(attempt);
        }
    }

    /// What asks this turn to stop.
    pub(crate) const fn halt(&self) -> &Arc<Halt> {
        &self.halt
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.running.turns().remove(&self.turn_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilot_core::id::SessionId;
    use uuid::Uuid;

    fn key(n: u128) -> TurnKey {
        TurnKey {
            session_id: SessionId::from(Uuid::nil()),
            turn_id: TurnId::from(Uuid::from_u128(n)),
        }
    }

    fn row(n: u128, attempt: Attempt) -> OwnedTurn {
        OwnedTurn {
            key: key(n),
            attempt,
            cancel_requested: false,
        }
    }

    #[test]
    fn a_turn_is_registered_once_and_takes_a_slot_until_it_leaves() {
        let running = Running::new(1);
        let first = running.register(key(1)).unwrap();
        assert!(running.register(key(1)).is_none());
        assert!(running.register(key(2)).is_none());
        drop(first);
        assert!(running.register(key(2)).is_some());
    }

    #[test]
    fn rows_older_than_a_claim_do_not_judge_it() {
        let running = Running::new(4);
        let claimed_since = running.register(key(1)).unwrap();
        let before = running.claimed();
        claimed_since.claimed(1);
        assert_eq!(running.reconcile(&before, &[]), Reconciled::default());
        assert_eq!(claimed_since.halt().cause(), None);
    }

    #[test]
    fn a_claim_in_flight_counts_as_running() {
        let running = Running::new(4);
        let in_flight = running.register(key(1)).unwrap();
        let before = running.claimed();
        assert_eq!(
            running.reconcile(&before, &[row(1, 1)]),
            Reconciled::default()
        );
        assert_eq!(in_flight.halt().cause(), None);
    }

    #[test]
    fn what_the_table_gives_to_another_is_stopped_without_a_write() {
        let running = Running::new(4);
        let lost = running.register(key(1)).unwrap();
        lost.claimed(1);
        running.reconcile(&running.claimed(), &[]);
        assert_eq!(lost.halt().cause(), Some(StopCause::Fenced));
    }

    #[test]
    fn what_the_table_gives_me_and_nobody_runs_is_handed_back() {
        let running = Running::new(4);
        let reconciled = running.reconcile(&running.claimed(), &[row(7, 2)]);
        assert_eq!(reconciled.hand_back, [row(7, 2)]);
    }

    #[test]
    fn a_mark_in_the_rows_cancels() {
        let running = Running::new(4);
        let marked = running.register(key(1)).unwrap();
        marked.claimed(3);
        let rows = [OwnedTurn {
            cancel_requested: true,
            ..row(1, 3)
        }];
        running.reconcile(&running.claimed(), &rows);
        assert_eq!(marked.halt().cause(), Some(StopCause::Cancelled));
    }
}
