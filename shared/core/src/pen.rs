//! Writing events down: numbers them, opens and closes blocks, and ends a turn properly.

use crate::{
    event::{Entry, Event, FinishMetadata},
    id::TurnId,
    outline::{OpenBlock, Outline},
    position::{Attempt, Position},
    turn::{FinishReason, TurnError, TurnStatus, Usage},
};

/// What a call that was cut off is answered with.
pub const CALL_STOPPED: &str = "stopped before it had finished";

/// How a turn ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// Well.
    Completed(FinishReason),
    /// With an error.
    Failed(TurnError),
    /// Because somebody asked.
    Cancelled,
}

impl Ending {
    /// The terminal status.
    #[must_use]
    pub const fn status(&self) -> TurnStatus {
        match self {
            Self::Completed(_) => TurnStatus::Completed,
            Self::Failed(_) => TurnStatus::Failed,
            Self::Cancelled => TurnStatus::Cancelled,
        }
    }

    /// Why the answer ended.
    #[must_use]
    pub const fn finish_reason(&self) -> FinishReason {
        match self {
            Self::Completed(reason) => *reason,
            Self::Failed(_) => FinishReason::Error,
            Self::Cancelled => FinishReason::Interrupted,
        }
    }

    /// The error of a failed turn.
    #[must_use]
    pub const fn error(&self) -> Option<&TurnError> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Completed(_) | Self::Cancelled => None,
        }
    }
}

/// Numbers the events of one attempt and knows what is open.
#[derive(Clone, Debug)]
pub struct Pen {
    at: Position,
    outline: Outline,
}

impl Pen {
    /// A pen for `attempt`, which goes on from where `outline` stands.
    #[must_use]
    pub const fn new(attempt: Attempt, outline: Outline) -> Self {
        Self {
            at: Position::new(attempt, 0),
            outline,
        }
    }

    /// What is open.
    #[must_use]
    pub const fn outline(&self) -> &Outline {
        &self.outline
    }

    /// Writes one event.
    pub fn write(&mut self, event: Event) -> Entry {
        self.at.unit += event.units();
        let entry = Entry::new(self.at, event);
        self.outline.apply(&entry);
        entry
    }

    /// Writes more text, in the open text block or a new one.
    pub fn text(&mut self, delta: String) -> Vec<Entry> {
        let mut entries = Vec::new();
        let id = if let Some(OpenBlock::Text(id)) = self.outline.block {
            id
        } else {
            entries.extend(self.close_block());
            let id = self.next();
            entries.push(self.write(Event::TextStart { id }));
            id
        };
        entries.push(self.write(Event::TextDelta { id, delta }));
        entries
    }

    /// Writes more reasoning, in the open reasoning block or a new one.
    pub fn reasoning(&mut self, delta: String) -> Vec<Entry> {
        let mut entries = Vec::new();
        let id = if let Some(OpenBlock::Reasoning(id)) = self.outline.block {
            id
        } else {
            entries.extend(self.close_block());
            let id = self.next();
            entries.push(self.write(Event::ReasoningStart { id }));
            id
        };
        entries.push(self.write(Event::ReasoningDelta { id, delta }));
        entries
    }

    /// Closes the open block, if there is one.
    pub fn close_block(&mut self) -> Option<Entry> {
        let end = self.outline.block_end()?;
        Some(self.write(end))
    }

    /// Ends the turn: closes all that is open, says why, and finishes.
    pub fn end(&mut self, turn_id: TurnId, ending: &Ending, usage: Usage) -> Vec<Entry> {
        let mut events = self.outline.closing(CALL_STOPPED);
        match ending {
            Ending::Completed(_) => {}
            Ending::Failed(error) => events.push(Event::Error {
                error: error.clone(),
            }),
            Ending::Cancelled => events.push(Event::Abort {
                reason: "cancelled".to_owned(),
            }),
        }
        let message_metadata = FinishMetadata {
            usage,
            finish_reason: ending.finish_reason(),
            turn_id,
        };
        events.push(Event::Finish { message_metadata });
        events.into_iter().map(|event| self.write(event)).collect()
    }

    const fn next(&self) -> Position {
        Position::new(self.at.attempt, self.at.unit + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_named_after_its_first_entry_and_closed_before_another_opens() {
        let mut pen = Pen::new(1, Outline::default());
        let mut entries = pen.reasoning("hm".into());
        entries.extend(pen.text("Hello".into()));
        let positions: Vec<_> = entries
            .iter()
            .map(|entry| entry.position.to_string())
            .collect();
        assert_eq!(positions, ["1-1", "1-3", "1-4", "1-5", "1-10"]);
        assert_eq!(
            entries[2].event,
            Event::ReasoningEnd {
                id: Position::new(1, 1)
            }
        );
        assert_eq!(
            entries[3].event,
            Event::TextStart {
                id: Position::new(1, 5)
            }
        );
    }

    #[test]
    fn every_ending_closes_what_is_open_and_finishes_once() {
        let error = TurnError::lasting(crate::turn::ErrorCode::Internal, "broken");
        for ending in [
            Ending::Completed(FinishReason::Stop),
            Ending::Failed(error),
            Ending::Cancelled,
        ] {
            let mut pen = Pen::new(1, Outline::default());
            pen.write(Event::StartStep);
            pen.text("He".into());
            let entries = pen.end(TurnId::from(uuid::Uuid::nil()), &ending, Usage::default());
            assert!(matches!(entries[0].event, Event::TextEnd { .. }));
            assert_eq!(entries[1].event, Event::FinishStep);
            assert!(matches!(
                entries.last().unwrap().event,
                Event::Finish { .. }
            ));
            assert!(pen.outline().finished);
        }
    }
}
