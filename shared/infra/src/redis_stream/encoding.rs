//! How entries travel and are stored: JSON behind two bytes, a version and what it is.
//!
//! Deltas are most of a stream, so they are short: `{"t":["1-6","1-1","Hello"]}`. How many
//! units a delta covers follows from its text.

use copilot_core::{
    event::{BlockId, Entry, Event},
    position::Position,
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, sync::Arc};

/// The version; another one is not read.
const VERSION: u8 = b'1';
const ENTRIES: u8 = b'e';
const PASSING: u8 = b'p';
/// A batch that has grown so large takes no further entry.
const BATCH_BYTES: usize = 256 * 1024;

/// Entries that are stored as one item, and the position of the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) position: Position,
    pub(super) bytes: Vec<u8>,
}

/// What a channel brings.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    Entries(Vec<Arc<Entry>>),
    Passing(Event),
}

/// Bytes that this version did not write.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncodingError {
    /// Another version, or no entries at all.
    #[error("entries of a version or kind that this program does not know")]
    Unknown,
    /// Not what the first bytes promise.
    #[error("entries cannot be read or written")]
    Json(#[from] serde_json::Error),
}

#[derive(Serialize, Deserialize)]
enum Wire<'a> {
    #[serde(rename = "t")]
    Text(Position, BlockId, Cow<'a, str>),
    #[serde(rename = "r")]
    Reasoning(Position, BlockId, Cow<'a, str>),
    #[serde(rename = "i")]
    Input(Position, Cow<'a, str>, Cow<'a, str>),
    #[serde(rename = "e")]
    Event(Position, Cow<'a, Event>),
}

impl<'a> From<&'a Entry> for Wire<'a> {
    fn from(entry: &'a Entry) -> Self {
        let at = entry.position;
        match &entry.event {
            Event::TextDelta { id, delta } => Self::Text(at, *id, delta.into()),
            Event::ReasoningDelta { id, delta } => Self::Reasoning(at, *id, delta.into()),
            Event::ToolInputDelta {
                tool_call_id,
                input_text_delta,
            } => Self::Input(at, tool_call_id.into(), input_text_delta.into()),
            event => Self::Event(at, Cow::Borrowed(event)),
        }
    }
}

impl From<Wire<'_>> for Entry {
    fn from(wire: Wire<'_>) -> Self {
        match wire {
            Wire::Text(at, id, delta) => Self::new(
                at,
                Event::TextDelta {
                    id,
                    delta: delta.into_owned(),
                },
            ),
            Wire::Reasoning(at, id, delta) => Self::new(
                at,
                Event::ReasoningDelta {
                    id,
                    delta: delta.into_owned(),
                },
            ),
            Wire::Input(at, call, delta) => Self::new(
                at,
                Event::ToolInputDelta {
                    tool_call_id: call.into_owned(),
                    input_text_delta: delta.into_owned(),
                },
            ),
            Wire::Event(at, event) => Self::new(at, event.into_owned()),
        }
    }
}

/// Packs entries into as few batches as their size allows.
pub(super) fn batches<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
) -> Result<Vec<Batch>, EncodingError> {
    let mut batches: Vec<Batch> = Vec::new();
    for entry in entries {
        let one = serde_json::to_vec(&Wire::from(entry))?;
        match batches.last_mut() {
            Some(open) if open.bytes.len() + one.len() < BATCH_BYTES => {
                open.bytes.push(b',');
                open.bytes.extend(one);
                open.position = entry.position;
            }
            _ => {
                if let Some(full) = batches.last_mut() {
                    full.bytes.push(b']');
                }
                let mut bytes = vec![VERSION, ENTRIES, b'['];
                bytes.extend(one);
                batches.push(Batch {
                    position: entry.position,
                    bytes,
                });
            }
        }
    }
    if let Some(last) = batches.last_mut() {
        last.bytes.push(b']');
    }
    Ok(batches)
}

/// A batch for each entry.
pub(super) fn singles<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
) -> Result<Vec<Batch>, EncodingError> {
    let one = |entry| batches([entry]);
    let each: Result<Vec<_>, _> = entries.into_iter().map(one).collect();
    Ok(each?.into_iter().flatten().collect())
}

/// Packs a passing event.
pub(super) fn passing(event: &Event) -> Result<Vec<u8>, EncodingError> {
    let mut bytes = vec![VERSION, PASSING];
    serde_json::to_writer(&mut bytes, event)?;
    Ok(bytes)
}

/// Unpacks what a channel brought.
pub(super) fn message(bytes: &[u8]) -> Result<Message, EncodingError> {
    match bytes {
        [VERSION, PASSING, json @ ..] => Ok(Message::Passing(serde_json::from_slice(json)?)),
        _ => entries(bytes).map(Message::Entries),
    }
}

/// Unpacks what a stream holds.
pub(super) fn entries(bytes: &[u8]) -> Result<Vec<Arc<Entry>>, EncodingError> {
    let [VERSION, ENTRIES, json @ ..] = bytes else {
        return Err(EncodingError::Unknown);
    };
    let wires: Vec<Wire<'_>> = serde_json::from_slice(json)?;
    Ok(wires
        .into_iter()
        .map(|wire| Arc::new(Entry::from(wire)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(unit: u64, delta: &str) -> Entry {
        let event = Event::TextDelta {
            id: Position::new(1, 1),
            delta: delta.to_owned(),
        };
        Entry::new(Position::new(1, unit), event)
    }

    fn unpacked(batches: &[Batch]) -> Vec<Entry> {
        let each = batches
            .iter()
            .flat_map(|batch| entries(&batch.bytes).unwrap());
        each.map(|entry| Entry::clone(&entry)).collect()
    }

    #[test]
    fn entries_survive_and_the_batch_is_named_by_its_last() {
        let all = [
            Entry::new(Position::new(1, 1), Event::StartStep),
            text(6, "Hel\"lo"),
            Entry::new(
                Position::new(1, 9),
                Event::ToolInputDelta {
                    tool_call_id: "c".into(),
                    input_text_delta: "{\"é".into(),
                },
            ),
            Entry::new(
                Position::new(1, 10),
                Event::ToolOutputAvailable {
                    tool_call_id: "c".into(),
                    output: serde_json::json!({"a": [1, null]}),
                },
            ),
        ];
        let packed = batches(&all).unwrap();
        assert_eq!(packed.len(), 1);
        assert_eq!(packed[0].position, Position::new(1, 10));
        assert_eq!(unpacked(&packed), all);
        assert_eq!(singles(&all).unwrap().len(), 4);
    }

    #[test]
    fn the_rest_of_a_delta_keeps_its_units() {
        let rest = text(6, "Hello").after(Position::new(1, 4));
        assert_eq!(unpacked(&batches([&rest]).unwrap()), [rest]);
    }

    #[test]
    fn many_entries_make_several_batches() {
        let long = "x".repeat(100_000);
        let all: Vec<_> = (1..=7).map(|at| text(at * 100_000, &long)).collect();
        let packed = batches(&all).unwrap();
        assert!(
            packed
                .iter()
                .all(|batch| batch.bytes.len() <= BATCH_BYTES + 1)
        );
        assert_eq!(packed.len(), 4);
        assert_eq!(unpacked(&packed), all);
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for bytes in [
            &b""[..],
            b"1",
            b"2e[]",
            b"1x[]",
            b"1e[{\"z\":[\"1-1\"]}]",
            b"1e[{\"t\":[\"1-1\"]}]",
            b"1p{\"type\":\"new\"}",
            b"1e\xff",
        ] {
            assert!(message(bytes).is_err(), "{bytes:?}");
        }
        let event = Event::status("queued");
        let read = message(&passing(&event).unwrap()).unwrap();
        assert_eq!(read, Message::Passing(event));
    }
}
