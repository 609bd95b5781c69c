//! Logical positions in a turn's stream.
//!
//! A position is `attempt-unit`. Within an attempt each event takes one unit, and each
//! character of a text, reasoning or tool-input delta takes one of its own. Merging
//! neighbouring deltas, compacting and rewriting a stream therefore keep every position,
//! and a cursor inside a merged delta still names one exact place.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, num::ParseIntError, str::FromStr};

/// How often a turn was claimed; 0 before the first claim. Every write is fenced by it.
pub type Attempt = u32;

/// The last unit that an entry covers, in the attempt that wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The attempt that wrote the entry; compared first.
    pub attempt: Attempt,
    /// Units within the attempt, from 1.
    pub unit: u64,
}

impl Position {
    /// Before everything: what a reader without a cursor has seen.
    pub const ZERO: Self = Self {
        attempt: 0,
        unit: 0,
    };

    /// The position `attempt-unit`.
    #[must_use]
    pub const fn new(attempt: Attempt, unit: u64) -> Self {
        Self { attempt, unit }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.attempt, self.unit)
    }
}

/// A text that is no position.
#[derive(Debug, thiserror::Error)]
pub enum ParsePositionError {
    /// There is no dash between attempt and unit.
    #[error("a position is attempt-unit")]
    NoDash,
    /// One side is no number.
    #[error(transparent)]
    Number(#[from] ParseIntError),
}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (attempt, unit) = text.split_once('-').ok_or(ParsePositionError::NoDash)?;
        Ok(Self::new(attempt.parse()?, unit.parse()?))
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_order_by_attempt_then_unit_and_survive_text() {
        assert!(Position::new(1, 900) < Position::new(2, 1));
        assert_eq!("2-17".parse::<Position>().unwrap(), Position::new(2, 17));
        assert_eq!(Position::new(2, 17).to_string(), "2-17");
        assert!("2".parse::<Position>().is_err());
        assert!("-1".parse::<Position>().is_err());
    }
}
