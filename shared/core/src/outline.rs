//! What is open at a place in a turn's stream: the fold that everyone who closes needs.

use crate::{
    event::{BlockId, Entry, Event},
    position::Position,
};

/// A text or reasoning block that was opened and not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenBlock {
    /// Text.
    Text(BlockId),
    /// Reasoning.
    Reasoning(BlockId),
}

/// What is open after the entries that were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The last entry that counts as shown. A mark takes it back to where the attempt resumed.
    pub shown: Position,
    /// Where the open step began.
    pub step: Option<Position>,
    /// The open block.
    pub block: Option<OpenBlock>,
    /// Calls whose input was begun and that have no output yet, oldest first.
    pub calls: Vec<String>,
    /// Whether `finish` was seen.
    pub finished: bool,
}

impl Outline {
    /// The outline after all of `entries`, none of them dead.
    #[must_use]
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut outline = Self::default();
        for entry in entries {
            outline.apply(entry);
        }
        outline
    }

    /// Takes one entry in.
    pub fn apply(&mut self, entry: &Entry) {
        self.shown = entry.position;
        match &entry.event {
            Event::StartStep => self.step = Some(entry.position),
            Event::FinishStep => self.step = None,
            Event::TextStart { id } => self.block = Some(OpenBlock::Text(*id)),
            Event::ReasoningStart { id } => self.block = Some(OpenBlock::Reasoning(*id)),
            Event::TextEnd { .. } | Event::ReasoningEnd { .. } => self.block = None,
            Event::ToolInputStart { tool_call_id, .. }
            | Event::ToolInputAvailable { tool_call_id, .. }
            | Event::ToolInputError { tool_call_id, .. } => {
                if !self.calls.contains(tool_call_id) {
                    self.calls.push(tool_call_id.clone());
                }
            }
            Event::ToolOutputAvailable { tool_call_id, .. }
            | Event::ToolOutputError { tool_call_id, .. } => {
                self.calls.retain(|call| call != tool_call_id);
            }
            Event::Reset { from, .. } => self.take_back(*from),
            Event::Finish { .. } => self.finished = true,
            Event::Start { .. }
            | Event::Files { .. }
            | Event::TextDelta { .. }
            | Event::ReasoningDelta { .. }
            | Event::ToolInputDelta { .. }
            | Event::Error { .. }
            | Event::Abort { .. }
            | Event::Status { .. }
            | Event::Title { .. } => {}
        }
    }

    /// Forgets what was opened after `from`.
    pub fn take_back(&mut self, from: Position) {
        self.shown = from;
        if self.step.is_some_and(|began| began > from) {
            self.step = None;
            self.block = None;
            self.calls.clear();
        }
    }

    /// The event that closes the open block.
    #[must_use]
    pub fn block_end(&self) -> Option<Event> {
        self.block.map(|block| match block {
            OpenBlock::Text(id) => Event::TextEnd { id },
            OpenBlock::Reasoning(id) => Event::ReasoningEnd { id },
        })
    }

    /// The events that close all that is open; unanswered calls get `error_text`.
    #[must_use]
    pub fn closing(&self, error_text: &str) -> Vec<Event> {
        let answers = self.calls.iter().map(|call| Event::ToolOutputError {
            tool_call_id: call.clone(),
            error_text: error_text.to_owned(),
        });
        self.block_end()
            .into_iter()
            .chain(answers)
            .chain(self.step.map(|_| Event::FinishStep))
            .collect()
    }
}

/// The entries that no later mark has killed.
///
/// A mark `reset {from}` kills what older attempts wrote after `from`, earlier marks included.
#[must_use]
pub fn living<E: AsRef<Entry> + Clone>(entries: &[E]) -> Vec<E> {
    let mut alive: Vec<E> = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Event::Reset { from, .. } = entry.as_ref().event {
            let attempt = entry.as_ref().position.attempt;
            while alive.last().is_some_and(|last| {
                let position = last.as_ref().position;
                position > from && position.attempt < attempt
            }) {
                alive.pop();
            }
        }
        alive.push(entry.clone());
    }
    alive
}

impl AsRef<Self> for Entry {
    fn as_ref(&self) -> &Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(attempt: u32, unit: u64, event: Event) -> Entry {
        Entry::new(Position::new(attempt, unit), event)
    }

    #[test]
    fn closing_ends_the_block_then_answers_calls_then_ends_the_step() {
        let id = Position::new(1, 2);
        let outline = Outline::of(&[
            entry(1, 1, Event::StartStep),
            entry(
                1,
                2,
                Event::ToolInputStart {
                    tool_call_id: "c".into(),
                    tool_name: "t".into(),
                },
            ),
            entry(1, 3, Event::TextStart { id }),
        ]);
        assert_eq!(
            outline.closing("stopped"),
            [
                Event::TextEnd { id },
                Event::ToolOutputError {
                    tool_call_id: "c".into(),
                    error_text: "stopped".into()
                },
                Event::FinishStep,
            ]
        );
    }

    #[test]
    fn a_mark_kills_what_older_attempts_wrote_after_it_and_earlier_marks() {
        let reset = |attempt| Event::Reset {
            from: Position::new(1, 1),
            step: 1,
            attempt,
        };
        let entries = [
            entry(1, 1, Event::StartStep),
            entry(1, 2, Event::FinishStep),
            entry(2, 1, reset(2)),
            entry(2, 2, Event::StartStep),
            entry(3, 1, reset(3)),
            entry(3, 2, Event::FinishStep),
        ];
        let alive: Vec<_> = living(&entries)
            .iter()
            .map(|entry| entry.position.to_string())
            .collect();
        assert_eq!(alive, ["1-1", "3-1", "3-2"]);
    }

    #[test]
    fn a_mark_takes_back_only_what_began_after_it() {
        let mut outline = Outline::of(&[
            entry(1, 1, Event::StartStep),
            entry(
                1,
                2,
                Event::ToolInputStart {
                    tool_call_id: "c".into(),
                    tool_name: "t".into(),
                },
            ),
        ]);
        let mut inside = outline.clone();
        outline.take_back(Position::ZERO);
        assert_eq!((outline.step, outline.calls.len()), (None, 0));
        inside.take_back(Position::new(1, 2));
        assert_eq!(
            (inside.step, inside.calls.len()),
            (Some(Position::new(1, 1)), 1)
        );
    }
}
