//! What a client makes of what it is shown. Strict: an event out of its order is a failure.
//!
//! A mark means to a client of v7 that its open step is dropped, and to one of v5 that the step
//! is closed, left behind as void, and begun again.

use copilot_core::{
    event::{BlockId, Entry, Event, FilesNote, FinishMetadata},
    id::MessageId,
    ledger::CallOutcome,
    service::reading::Shown,
    turn::TurnError,
};
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    V5,
    V7,
}

/// A part of a folded message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Files(FilesNote),
    Step,
    Text {
        id: BlockId,
        text: String,
    },
    Reasoning {
        id: BlockId,
        text: String,
    },
    Call {
        id: String,
        name: String,
        written: String,
        input: Option<Value>,
        outcome: Option<CallOutcome>,
    },
}

/// How a folded message ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct End {
    pub(crate) error: Option<TurnError>,
    pub(crate) aborted: bool,
    pub(crate) finish: Option<FinishMetadata>,
}

/// A message as one client has it.
#[derive(Clone, Debug)]
pub(crate) struct Fold {
    manner: Manner,
    id: Option<MessageId>,
    parts: Vec<(Part, Fate)>,
    /// Where the open step begins.
    step: Option<usize>,
    /// The open block.
    block: Option<BlockId>,
    /// After a mark, until the step begins again.
    begins_again: bool,
    /// What comes was shown before.
    is_again: bool,
    /// Something new came since the last mark. Until then a client that is cut off and comes
    /// back may be told of the mark again.
    is_repaired: bool,
    end: End,
    /// Marks that meant something to it.
    pub(crate) retries: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Living,
    Void,
}

type Checked = Result<(), String>;

/// What is left of a fold: the living parts and the end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Folded {
    pub(crate) id: Option<MessageId>,
    pub(crate) parts: Vec<Part>,
    pub(crate) end: End,
}

impl Fold {
    pub(crate) const fn new(manner: Manner) -> Self {
        Self {
            manner,
            id: None,
            parts: Vec::new(),
            step: None,
            block: None,
            begins_again: false,
            is_again: false,
            is_repaired: true,
            end: End {
                error: None,
                aborted: false,
                finish: None,
            },
            retries: 0,
        }
    }

    /// The message that these entries, none of them dead, make. Marks mean nothing.
    pub(crate) fn of(entries: &[Entry]) -> Result<Folded, String> {
        let mut fold = Self::new(Manner::V7);
        for entry in entries
            .iter()
            .filter(|entry| !matches!(entry.event, Event::Reset { .. }))
        {
            fold.event(&entry.event)
                .map_err(|error| format!("at {}: {error}", entry.position))?;
        }
        fold.whole()
    }

    pub(crate) const fn is_finished(&self) -> bool {
        self.end.finish.is_some()
    }

    /// Takes in what a reader was shown.
    pub(crate) fn show(&mut self, shown: &Shown) -> Checked {
        self.is_again = matches!(shown, Shown::Again(_));
        if matches!(shown, Shown::Entry(_)) {
            self.is_repaired = true;
        }
        match shown {
            Shown::Entry(entry) | Shown::Again(entry) => self.event(&entry.event),
            Shown::Closing(event) => {
                // Nothing of it is saved, and what is open may not be known any more.
                let closed = self.event(event);
                if let (Err(_), Event::Finish { message_metadata }) = (closed, event) {
                    self.end.finish = Some(message_metadata.clone());
                }
                Ok(())
            }
            Shown::Retry { closing, .. } => self.retry(closing),
            Shown::Passing(_) | Shown::Broken => Ok(()),
        }
    }

    /// What is left when all has been shown.
    pub(crate) fn whole(self) -> Result<Folded, String> {
        if !self.is_finished() {
            return Err("it has no finish".to_owned());
        }
        let parts = self
            .parts
            .into_iter()
            .filter(|(_, fate)| *fate == Fate::Living)
            .map(|(part, _)| part);
        Ok(Folded {
            id: self.id,
            parts: parts.collect(),
            end: self.end,
        })
    }

    fn retry(&mut self, closing: &[Event]) -> Checked {
        ensure(
            self.step.is_some() || self.begins_again,
            "a mark, but no step is open",
        )?;
        self.retries += 1;
        match self.manner {
            Manner::V7 => self.parts.truncate(self.step.unwrap_or(self.parts.len())),
            Manner::V5 => {
                let began = self.step.unwrap_or(self.parts.len());
                for event in closing {
                    let closed = self.event(event);
                    // The end of a step ends, for a client, what is open in it: of what the
                    // stream has lost nobody else knows.
                    if self.is_repaired && *event != Event::FinishStep {
                        closed?;
                    }
                }
                for (_, fate) in self.parts.iter_mut().skip(began) {
                    *fate = Fate::Void;
                }
            }
        }
        self.step = None;
        self.block = None;
        self.begins_again = true;
        self.is_repaired = false;
        Ok(())
    }

    fn event(&mut self, event: &Event) -> Checked {
        ensure(!self.is_finished(), "something after finish")?;
        ensure(
            self.id.is_some() || matches!(event, Event::Start { .. }),
            "something before start",
        )?;
        let ending = self.end.aborted || self.end.error.is_some();
        ensure(
            !ending || matches!(event, Event::Finish { .. }),
            "something between error or abort and finish",
        )?;
        match event {
            Event::Start { message_id, .. } => {
                ensure(self.id.replace(*message_id).is_none(), "a second start")
            }
            Event::Files { data } => {
                ensure(self.parts.is_empty(), "files after the beginning")?;
                self.push(Part::Files(data.clone()));
                Ok(())
            }
            Event::StartStep => {
                ensure(self.step.is_none(), "a step in a step")?;
                self.step = Some(self.parts.len());
                self.begins_again = false;
                self.push(Part::Step);
                Ok(())
            }
            Event::FinishStep => {
                self.expect_no_block()?;
                let began = self.step.take().ok_or("the end of no step")?;
                let open = self
                    .parts
                    .iter()
                    .skip(began)
                    .find(|(part, _)| matches!(part, Part::Call { outcome: None, .. }));
                open.map_or(Ok(()), |open| {
                    Err(format!("a step ends with an open call: {open:?}"))
                })
            }
            Event::TextStart { id } => self.open(
                *id,
                Part::Text {
                    id: *id,
                    text: String::new(),
                },
            ),
            Event::ReasoningStart { id } => self.open(
                *id,
                Part::Reasoning {
                    id: *id,
                    text: String::new(),
                },
            ),
            Event::TextDelta { id, delta } | Event::ReasoningDelta { id, delta } => {
                self.extend(*id, delta)
            }
            Event::TextEnd { id } | Event::ReasoningEnd { id } => ensure(
                self.block.take() == Some(*id),
                "the end of a block that is not open",
            ),
            Event::ToolInputStart {
                tool_call_id,
                tool_name,
            } => self.begin_call(tool_call_id, tool_name),
            Event::ToolInputDelta {
                tool_call_id,
                input_text_delta,
            } => {
                let (written, input, _) = self.call(tool_call_id)?;
                ensure(input.is_none(), "input after its end")?;
                written.push_str(input_text_delta);
                Ok(())
            }
            Event::ToolInputAvailable {
                tool_call_id,
                tool_name,
                input: whole,
            }
            | Event::ToolInputError {
                tool_call_id,
                tool_name,
                input: whole,
                ..
            } => {
                if self.call(tool_call_id).is_err() {
                    self.begin_call(tool_call_id, tool_name)?;
                }
                self.expect_no_block()?;
                let (_, input, outcome) = self.call(tool_call_id)?;
                ensure(input.is_none() && outcome.is_none(), "a second input")?;
                *input = Some(whole.clone());
                Ok(())
            }
            Event::ToolOutputAvailable {
                tool_call_id,
                output,
            } => self.answer(tool_call_id, CallOutcome::Output(output.clone())),
            Event::ToolOutputError {
                tool_call_id,
                error_text,
            } => self.answer(tool_call_id, CallOutcome::Error(error_text.clone())),
            Event::Error { error } => {
                self.expect_closed()?;
                self.end.error = Some(error.clone());
                Ok(())
            }
            Event::Abort { .. } => {
                self.expect_closed()?;
                self.end.aborted = true;
                Ok(())
            }
            Event::Finish { message_metadata } => {
                self.expect_closed()?;
                self.end.finish = Some(message_metadata.clone());
                Ok(())
            }
            Event::Reset { .. } => Err("a bare mark".to_owned()),
            Event::Status { .. } | Event::Title { .. } => {
                Err("a passing event that was stored".to_owned())
            }
        }
    }

    fn push(&mut self, part: Part) {
        self.parts.push((part, Fate::Living));
    }

    fn open(&mut self, id: BlockId, part: Part) -> Checked {
        ensure(self.step.is_some(), "a block outside a step")?;
        ensure(self.block.replace(id).is_none(), "a block in a block")?;
        // What is shown again has its old ids. Clients forget the id of a block that was closed.
        let used = self.parts.iter().any(|(part, fate)| {
            let known = matches!(part, Part::Text { id: other, .. } | Part::Reasoning { id: other, .. } if *other == id);
            known && (*fate == Fate::Living || !self.is_again)
        });
        ensure(!used, "a block's id is used twice")?;
        self.push(part);
        Ok(())
    }

    fn extend(&mut self, id: BlockId, delta: &str) -> Checked {
        ensure(
            self.block == Some(id),
            "a delta of a block that is not open",
        )?;
        match self.parts.last_mut() {
            Some((Part::Text { text, .. } | Part::Reasoning { text, .. }, _)) => {
                text.push_str(delta);
                Ok(())
            }
            other => Err(format!("a delta after {other:?}")),
        }
    }

    fn begin_call(&mut self, id: &str, name: &str) -> Checked {
        ensure(self.step.is_some(), "a call outside a step")?;
        self.expect_no_block()?;
        // Also among the void ones: a client of v5 finds a call by its id in all of the message.
        let known = self.parts.iter().any(|(part, fate)| {
            let known = matches!(part, Part::Call { id: other, .. } if other == id);
            known && (*fate == Fate::Living || !self.is_again)
        });
        ensure(!known, "a call's id is used twice")?;
        let (id, name) = (id.to_owned(), name.to_owned());
        self.push(Part::Call {
            id,
            name,
            written: String::new(),
            input: None,
            outcome: None,
        });
        Ok(())
    }

    fn call(
        &mut self,
        wanted: &str,
    ) -> Result<(&mut String, &mut Option<Value>, &mut Option<CallOutcome>), String> {
        let calls = self.parts.iter_mut().filter_map(|(part, _)| match part {
            Part::Call {
                id,
                written,
                input,
                outcome,
                ..
            } if id == wanted => Some((written, input, outcome)),
            _ => None,
        });
        calls
            .last()
            .ok_or_else(|| format!("no call {wanted} has begun"))
    }

    fn answer(&mut self, call_id: &str, answer: CallOutcome) -> Checked {
        ensure(self.step.is_some(), "an answer outside a step")?;
        let (_, input, outcome) = self.call(call_id)?;
        let early = input.is_none() && matches!(answer, CallOutcome::Output(_));
        ensure(!early, "an answer before the input")?;
        ensure(
            outcome.replace(answer).is_none(),
            "a call is answered twice",
        )
    }

    fn expect_no_block(&self) -> Checked {
        ensure(self.block.is_none(), "a block is still open")
    }

    fn expect_closed(&self) -> Checked {
        self.expect_no_block()?;
        ensure(self.step.is_none(), "the step is still open")
    }
}

fn ensure(holds: bool, otherwise: &str) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(otherwise.to_owned())
    }
}
