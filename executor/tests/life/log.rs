//! What happened, for whoever has to understand a failure.

use copilot_core::id::TurnId;
use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::time::Instant;

/// The history of one world.
pub(crate) struct Log {
    began: Instant,
    lines: Mutex<Vec<String>>,
    names: Mutex<HashMap<TurnId, String>>,
    ticks: AtomicU64,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            lines: Mutex::default(),
            names: Mutex::default(),
            ticks: AtomicU64::new(0),
        }
    }
}

impl Log {
    /// Something moved somewhere.
    pub(crate) fn tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
    }

    /// How much has moved.
    pub(crate) fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// Gives a turn a short name.
    pub(crate) fn name(&self, turn: TurnId, name: &str) {
        self.names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(turn, name.to_owned());
    }

    pub(crate) fn name_of(&self, turn: TurnId) -> String {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names
            .get(&turn)
            .cloned()
            .unwrap_or_else(|| turn.to_string())
    }

    pub(crate) fn note(&self, who: &str, what: impl AsRef<str>) {
        let at = self.began.elapsed().as_secs_f64() * 1000.0;
        let line = format!("{at:9.1} {who:>4} {}", what.as_ref());
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }

    /// Whether a line has all of these words.
    pub(crate) fn has(&self, words: &[&str]) -> bool {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .any(|line| words.iter().all(|word| line.contains(word)))
    }

    pub(crate) fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{line}");
            text
        })
    }
}
