//! Anthropic's events, as deltas.

use super::event::{Block, BlockDelta, Event, WireUsage};
use crate::{
    provider::Delta,
    provider_error::ProviderError,
    providers::{
        decoder::{MOST_CALLS, ReadEvent, parse},
        failure,
        seal::{Place, Seal},
    },
};
use copilot_core::turn::{FinishReason, Usage};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};

/// The most bytes of one signature; real ones have a few thousand.
const LONGEST_SIGNATURE: usize = 1 << 20;

/// Reads one reply.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The blocks that are not closed.
    open: HashMap<u64, Open>,
    /// What came so far: where the next block stands.
    place: Place,
    usage: WireUsage,
    finish_reason: Option<FinishReason>,
    is_done: bool,
}

#[derive(Debug)]
enum Open {
    Text,
    Thinking {
        place: Place,
        signature: String,
    },
    Call {
        slot: usize,
        /// The input that came with the start; what comes in pieces replaces it.
        whole: Option<Value>,
    },
    Ignored,
}

impl ReadEvent for Events {
    fn read(&mut self, data: &str, ready: &mut VecDeque<Delta>) -> Result<(), ProviderError> {
        match parse(data)? {
            Event::MessageStart { message } => self.count(message.usage, ready),
            Event::ContentBlockStart {
                index,
                content_block,
            } => self.begin(index, content_block, ready)?,
            Event::ContentBlockDelta { index, delta } => self.add(index, delta, ready)?,
            Event::ContentBlockStop { index } => self.close(index, ready),
            Event::MessageDelta { delta, usage } => {
                if let Some(reason) = delta.stop_reason {
                    self.finish_reason = Some(finish_reason(&reason));
                }
                self.count(usage, ready);
            }
            Event::MessageStop => self.finish(ready),
            Event::Error { error } => return Err(failure::of_event(&error)),
            Event::Other => {}
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.is_done
    }
}

impl Events {
    /// Until the reply says why it ends, its output is not counted to the end.
    fn count(&mut self, newer: Option<WireUsage>, ready: &mut VecDeque<Delta>) {
        let Some(newer) = newer else { return };
        self.usage.update(newer);
        ready.push_back(Delta::Usage(Usage {
            estimated: self.finish_reason.is_none(),
            ..self.usage.counted()
        }));
    }

    fn begin(
        &mut self,
        index: u64,
        block: Block,
        ready: &mut VecDeque<Delta>,
    ) -> Result<(), ProviderError> {
        let open = match block {
            Block::Text { text } => {
                self.write(text, ready);
                Open::Text
            }
            Block::Thinking {
                thinking,
                signature,
            } => {
                think(thinking, ready);
                Open::Thinking {
                    place: self.place,
                    signature,
                }
            }
            Block::RedactedThinking { data } => {
                let place = self.place;
                ready.push_back(Seal::Redacted { place, data: &data }.delta());
                Open::Ignored
            }
            Block::ToolUse { id, name, input } => self.call(id, name, input, ready)?,
            Block::Other => Open::Ignored,
        };
        if self.open.len() >= MOST_CALLS {
            return Err(ProviderError::broken("the reply has too many open blocks"));
        }
        self.open.insert(index, open);
        Ok(())
    }

    fn call(
        &mut self,
        id: String,
        name: String,
        input: Value,
        ready: &mut VecDeque<Delta>,
    ) -> Result<Open, ProviderError> {
        let slot = self.place.calls;
        if slot >= MOST_CALLS {
            return Err(ProviderError::broken("the reply has too many calls"));
        }
        self.place.calls += 1;
        ready.push_back(Delta::CallStart { slot, id, name });
        let is_there = input.as_object().is_some_and(|fields| !fields.is_empty());
        Ok(Open::Call {
            slot,
            whole: is_there.then_some(input),
        })
    }

    fn add(
        &mut self,
        index: u64,
        delta: BlockDelta,
        ready: &mut VecDeque<Delta>,
    ) -> Result<(), ProviderError> {
        match (self.open.get_mut(&index), delta) {
            (_, BlockDelta::TextDelta { text }) => self.write(text, ready),
            (_, BlockDelta::ThinkingDelta { thinking }) => think(thinking, ready),
            (
                Some(Open::Thinking { signature, .. }),
                BlockDelta::SignatureDelta { signature: more },
            ) => {
                if signature.len() + more.len() > LONGEST_SIGNATURE {
                    return Err(ProviderError::broken("a signature is too long"));
                }
                signature.push_str(&more);
            }
            (Some(Open::Call { slot, whole }), BlockDelta::InputJsonDelta { partial_json }) => {
                if !partial_json.is_empty() {
                    *whole = None;
                    ready.push_back(Delta::CallInput {
                        slot: *slot,
                        delta: partial_json,
                    });
                }
            }
            (_, BlockDelta::InputJsonDelta { .. }) => {
                return Err(ProviderError::broken("input of a call that never began"));
            }
            (_, BlockDelta::SignatureDelta { .. } | BlockDelta::Other) => {}
        }
        Ok(())
    }

    fn close(&mut self, index: u64, ready: &mut VecDeque<Delta>) {
        match self.open.remove(&index) {
            Some(Open::Thinking { place, signature }) if !signature.is_empty() => {
                let signature = &signature;
                ready.push_back(Seal::Thinking { place, signature }.delta());
            }
            Some(Open::Call {
                slot,
                whole: Some(input),
            }) => ready.push_back(Delta::CallInput {
                slot,
                delta: input.to_string(),
            }),
            _ => {}
        }
    }

    fn write(&mut self, text: String, ready: &mut VecDeque<Delta>) {
        if !text.is_empty() {
            self.place.characters += text.chars().count();
            ready.push_back(Delta::Text(text));
        }
    }

    fn finish(&mut self, ready: &mut VecDeque<Delta>) {
        let mut unclosed: Vec<u64> = self.open.keys().copied().collect();
        unclosed.sort_unstable();
        for index in unclosed {
            self.close(index, ready);
        }
        let natural = if self.place.calls == 0 {
            FinishReason::Stop
        } else {
            FinishReason::ToolCalls
        };
        self.is_done = true;
        ready.push_back(Delta::End(self.finish_reason.unwrap_or(natural)));
    }
}

fn think(text: String, ready: &mut VecDeque<Delta>) {
    if !text.is_empty() {
        ready.push_back(Delta::Reasoning {
            text,
            signature: None,
        });
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}
