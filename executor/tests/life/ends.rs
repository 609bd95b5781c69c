//! Who was told of which turn's end.

use copilot_core::{
    id::TurnId,
    port::turn_ends::{EndedTurn, TurnEnds},
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Writes down every end that anybody tells of.
#[derive(Debug, Default)]
pub(crate) struct Ends(Mutex<HashMap<TurnId, Vec<EndedTurn>>>);

impl Ends {
    /// What was told of one turn.
    pub(crate) fn of(&self, turn: TurnId) -> Vec<EndedTurn> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(&turn).cloned().unwrap_or_default()
    }
}

impl TurnEnds for Ends {
    fn ended(&self, turn: &EndedTurn) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.entry(turn.key.turn_id).or_default().push(*turn);
    }
}
