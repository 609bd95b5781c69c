//! The opaque cursor of an event: which turn, and where in it.

use copilot_core::{id::TurnId, position::Position};
use std::fmt;
use uuid::Uuid;

/// A place in a turn, as clients hand it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The turn.
    pub(crate) turn_id: TurnId,
    /// What the client has seen of it.
    pub(crate) position: Position,
}

impl Cursor {
    /// Reads a cursor; one that cannot be read is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (turn, position) = text.trim().split_once('.')?;
        let turn_id = Uuid::try_parse(turn).ok()?.into();
        Some(Self {
            turn_id,
            position: position.parse().ok()?,
        })
    }

    /// The first of these that can be read.
    pub(crate) fn first_of<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> Option<Self> {
        texts.into_iter().flatten().find_map(Self::parse)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.turn_id.uuid().simple(), self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_wire_and_rubbish_is_none() {
        let cursor = Cursor {
            turn_id: Uuid::from_u128(7).into(),
            position: Position::new(2, 31),
        };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        assert_eq!(
            Cursor::first_of([None, Some("x"), Some(&cursor.to_string())]),
            Some(cursor)
        );
        for rubbish in [
            "",
            "1-2",
            "x.1-2",
            "00000000000000000000000000000007.",
            "é.é-é",
        ] {
            assert_eq!(Cursor::parse(rubbish), None, "{rubbish}");
        }
    }
}
