//! Small things that every suite needs.

use copilot_core::{
    event::{Entry, Event},
    id::{IdSource, SystemIds},
    position::{Attempt, Position},
    turn::TurnKey,
};
use std::{future::Future, time::Duration};
use uuid::Uuid;

/// A fresh id.
pub(crate) fn id<T: From<Uuid>>() -> T {
    SystemIds.next().into()
}

/// A turn that no store knows.
pub(crate) fn key() -> TurnKey {
    TurnKey {
        session_id: id(),
        turn_id: id(),
    }
}

/// An entry of one unit.
pub(crate) fn entry(attempt: Attempt, unit: u64) -> Entry {
    Entry::new(Position::new(attempt, unit), Event::StartStep)
}

/// A delta that ends at `unit`.
pub(crate) fn delta(attempt: Attempt, unit: u64, text: &str) -> Entry {
    let event = Event::TextDelta {
        id: Position::new(attempt, 1),
        delta: text.to_owned(),
    };
    Entry::new(Position::new(attempt, unit), event)
}

/// What comes within a time that only a fault exceeds.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(10), future)
        .await
        .unwrap_or_else(|_| panic!("waited 10 s for {what}"))
}

/// That nothing comes, as far as a moment can tell.
pub(crate) async fn nothing<F: Future>(what: &str, future: F) {
    assert!(
        tokio::time::timeout(Duration::from_millis(50), future)
            .await
            .is_err(),
        "{what}"
    );
}
