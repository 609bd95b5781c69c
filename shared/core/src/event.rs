//! What happens in a turn, free of any client's profile, and the entries of its stream.
//!
//! The names and fields follow the UI message stream of the Vercel AI SDK (`ai` 5.0.0,
//! `uiMessageChunkSchema`), so that most events reach a client as they are. The ones that
//! differ between profiles ([`Event::Reset`], [`Event::Error`], [`Event::Abort`],
//! [`Event::ToolInputError`], [`Event::Finish`]) are translated by the reader's side.

use crate::{
    id::{MessageId, SessionId, TurnId},
    message::AttachedFile,
    position::{Attempt, Position},
    turn::{FinishReason, TurnError, Usage},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A text or reasoning block: the position of the entry that opened it. Unique in a turn,
/// also among its attempts.
pub type BlockId = Position;

/// `messageMetadata` of `start`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartMetadata {
    /// The session.
    pub session_id: SessionId,
    /// The turn.
    pub turn_id: TurnId,
}

/// `messageMetadata` of `finish`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FinishMetadata {
    /// What the turn used.
    pub usage: Usage,
    /// Why its answer ended.
    pub finish_reason: FinishReason,
    /// The turn.
    pub turn_id: TurnId,
}

/// What became of the files that a request named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FilesNote {
    /// Files that go with the message.
    pub attached: Vec<AttachedFile>,
    /// Ids that are no file of the caller.
    pub dropped: Vec<String>,
}

/// One event of a turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The id of the first assistant message.
        message_id: MessageId,
        /// Session and turn.
        message_metadata: StartMetadata,
    },
    /// Which files go with the message.
    #[serde(rename = "data-files")]
    Files {
        /// Attached and dropped.
        data: FilesNote,
    },
    /// A model call begins.
    StartStep,
    /// A text block opens.
    TextStart {
        /// The block.
        id: BlockId,
    },
    /// More of a text block.
    TextDelta {
        /// The block.
        id: BlockId,
        /// The new characters.
        delta: String,
    },
    /// A text block closes.
    TextEnd {
        /// The block.
        id: BlockId,
    },
    /// A reasoning block opens.
    ReasoningStart {
        /// The block.
        id: BlockId,
    },
    /// More of a reasoning block.
    ReasoningDelta {
        /// The block.
        id: BlockId,
        /// The new characters.
        delta: String,
    },
    /// A reasoning block closes.
    ReasoningEnd {
        /// The block.
        id: BlockId,
    },
    /// The model begins to write a tool's input.
    ToolInputStart {
        /// The call.
        tool_call_id: String,
        /// The tool.
        tool_name: String,
    },
    /// More of a tool's input.
    ToolInputDelta {
        /// The call.
        tool_call_id: String,
        /// The new characters.
        input_text_delta: String,
    },
    /// A tool's input is complete.
    ToolInputAvailable {
        /// The call.
        tool_call_id: String,
        /// The tool.
        tool_name: String,
        /// The input.
        input: Value,
    },
    /// A tool's input is no JSON, or the tool is unknown.
    ToolInputError {
        /// The call.
        tool_call_id: String,
        /// The tool.
        tool_name: String,
        /// The input as far as it can be shown.
        input: Value,
        /// What is wrong, for people.
        error_text: String,
    },
    /// A tool has answered.
    ToolOutputAvailable {
        /// The call.
        tool_call_id: String,
        /// The typed result.
        output: Value,
    },
    /// A tool has failed, or its outcome is unknown.
    ToolOutputError {
        /// The call.
        tool_call_id: String,
        /// What happened, for people.
        error_text: String,
    },
    /// A step, its tools included, is over.
    FinishStep,
    /// An attempt took over: entries of older attempts after `from` are dead.
    Reset {
        /// The last durable point.
        from: Position,
        /// The step that begins again, from 1.
        step: u32,
        /// The new attempt.
        attempt: Attempt,
    },
    /// The turn failed. Becomes `data-error` and `error`.
    Error {
        /// Why.
        #[serde(flatten)]
        error: TurnError,
    },
    /// The turn was cancelled.
    Abort {
        /// Why, for people.
        reason: String,
    },
    /// The last event of every turn.
    Finish {
        /// Usage, reason and turn.
        message_metadata: FinishMetadata,
    },
    /// A passing word on what goes on. Published, never stored.
    #[serde(rename = "data-status")]
    Status {
        /// What goes on.
        data: StatusNote,
        /// Always true.
        transient: bool,
    },
    /// The session was given a title. Published, never stored.
    #[serde(rename = "data-title")]
    Title {
        /// The title.
        data: TitleNote,
        /// Always true.
        transient: bool,
    },
}

/// Body of `data-title`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TitleNote {
    /// The title.
    pub title: String,
}

/// Body of `data-status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusNote {
    /// `queued`, `recovering`, `reconnect` or a sentence.
    pub message: String,
}

impl Event {
    /// A transient status.
    #[must_use]
    pub fn status(message: impl Into<String>) -> Self {
        Self::Status {
            data: StatusNote {
                message: message.into(),
            },
            transient: true,
        }
    }

    /// A title that was made.
    #[must_use]
    pub fn title(title: impl Into<String>) -> Self {
        Self::Title {
            data: TitleNote {
                title: title.into(),
            },
            transient: true,
        }
    }

    /// The text of a delta.
    #[must_use]
    pub fn delta(&self) -> Option<&str> {
        match self {
            Self::TextDelta { delta, .. } | Self::ReasoningDelta { delta, .. } => Some(delta),
            Self::ToolInputDelta {
                input_text_delta, ..
            } => Some(input_text_delta),
            _ => None,
        }
    }

    fn delta_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::TextDelta { delta, .. } | Self::ReasoningDelta { delta, .. } => Some(delta),
            Self::ToolInputDelta {
                input_text_delta, ..
            } => Some(input_text_delta),
            _ => None,
        }
    }

    /// The units that it takes: one for each character of a delta, else one.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.delta().map_or(1, |text| text.chars().count() as u64)
    }

    /// Whether `next` continues the same block.
    fn is_continued_by(&self, next: &Self) -> bool {
        match (self, next) {
            (Self::TextDelta { id, .. }, Self::TextDelta { id: other, .. })
            | (Self::ReasoningDelta { id, .. }, Self::ReasoningDelta { id: other, .. }) => {
                id == other
            }
            (
                Self::ToolInputDelta { tool_call_id, .. },
                Self::ToolInputDelta {
                    tool_call_id: other,
                    ..
                },
            ) => tool_call_id == other,
            _ => false,
        }
    }
}

/// An event at its place in the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The last unit that it covers: its id in the stream.
    #[serde(rename = "p")]
    pub position: Position,
    /// How many units it covers.
    #[serde(rename = "n")]
    pub units: u64,
    /// What happened.
    #[serde(rename = "e")]
    pub event: Event,
}

impl Entry {
    /// `event`, ending at `position`.
    #[must_use]
    pub fn new(position: Position, event: Event) -> Self {
        Self {
            position,
            units: event.units(),
            event,
        }
    }

    /// The first position that it covers.
    #[must_use]
    pub const fn first(&self) -> Position {
        Position::new(
            self.position.attempt,
            self.position.unit.saturating_sub(self.units - 1),
        )
    }

    /// The rest of a delta after `cursor`, which lies inside it.
    #[must_use]
    pub fn after(&self, cursor: Position) -> Self {
        let mut rest = self.clone();
        let left = self
            .position
            .unit
            .saturating_sub(cursor.unit)
            .min(self.units);
        if let Some(text) = rest.event.delta_mut() {
            let seen = usize::try_from(self.units - left).unwrap_or(usize::MAX);
            let cut = text
                .char_indices()
                .nth(seen)
                .map_or(text.len(), |(at, _)| at);
            text.drain(..cut);
            rest.units = left;
        }
        rest
    }

    /// Takes `next` in if it continues the same delta; gives it back otherwise.
    pub fn absorb(&mut self, next: Self) -> Option<Self> {
        let adjoins = next.position.attempt == self.position.attempt
            && next.first().unit == self.position.unit + 1
            && self.event.is_continued_by(&next.event);
        if !adjoins {
            return Some(next);
        }
        if let (Some(text), Some(more)) = (self.event.delta_mut(), next.event.delta()) {
            text.push_str(more);
        }
        self.position = next.position;
        self.units += next.units;
        None
    }
}

/// Neighbouring deltas of one block made one. Positions stay.
#[must_use]
pub fn merged(entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let mut merged: Vec<Entry> = Vec::new();
    for entry in entries {
        let rest = match merged.last_mut() {
            Some(last) => last.absorb(entry),
            None => Some(entry),
        };
        merged.extend(rest);
    }
    merged
}

/// What of `entries` lies after `from`: an entry that `from` lies inside of is cut there.
pub fn after(
    entries: impl IntoIterator<Item = Entry>,
    from: Position,
) -> impl Iterator<Item = Entry> {
    let rest = entries
        .into_iter()
        .filter(move |entry| entry.position > from);
    rest.map(move |entry| {
        if entry.first() <= from {
            entry.after(from)
        } else {
            entry
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(unit: u64, text: &str) -> Entry {
        Entry::new(
            Position::new(1, unit),
            Event::TextDelta {
                id: Position::new(1, 1),
                delta: text.into(),
            },
        )
    }

    #[test]
    fn a_cursor_inside_a_delta_is_served_by_its_rest() {
        let hello = delta(6, "Hello");
        assert_eq!(hello.first(), Position::new(1, 2));
        let rest = hello.after(Position::new(1, 4));
        assert_eq!(rest.event.delta(), Some("lo"));
        assert_eq!((rest.position, rest.units), (Position::new(1, 6), 2));
    }

    #[test]
    fn characters_count_not_bytes() {
        let entry = delta(4, "né€");
        assert_eq!(entry.units, 3);
        assert_eq!(entry.after(Position::new(1, 3)).event.delta(), Some("€"));
    }

    #[test]
    fn merging_keeps_positions_and_stops_at_a_gap() {
        let all = merged([delta(3, "He"), delta(6, "llo"), delta(9, "x")]);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].event.delta(), Some("Hello"));
        assert_eq!(
            (all[0].position, all[0].first()),
            (Position::new(1, 6), Position::new(1, 2))
        );
    }

    #[test]
    fn what_lies_after_a_place_is_cut_there() {
        let rest: Vec<_> = after([delta(3, "He"), delta(6, "llo")], Position::new(1, 4)).collect();
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].event.delta(), Some("lo"));
        assert_eq!(rest[0].first(), Position::new(1, 5));
    }

    #[test]
    fn an_entry_survives_json() {
        let reset = Entry::new(
            Position::new(2, 1),
            Event::Reset {
                from: Position::new(1, 7),
                step: 1,
                attempt: 2,
            },
        );
        let text = serde_json::to_string(&reset).unwrap();
        assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), reset);
    }
}
