//! OpenAI's events, as deltas.

use super::{
    chunk::{Choice, Chunk, Content, WireCall, WireDelta},
    details::Details,
};
use crate::{
    provider::Delta,
    provider_error::ProviderError,
    providers::{
        decoder::{MOST_CALLS, ReadEvent, parse},
        failure,
        seal::Seal,
    },
};
use copilot_core::turn::FinishReason;
use serde_json::Value;
use std::collections::{HashMap, VecDeque};

/// Reads one reply.
#[derive(Debug, Default)]
pub(super) struct Events {
    finish_reason: Option<FinishReason>,
    has_refused: bool,
    is_done: bool,
    calls: Calls,
    has_reasoning_content: bool,
    details: Details,
}

/// Which fragment belongs to which call. Servers number calls, or give ids, or both, or neither.
#[derive(Debug, Default)]
struct Calls {
    begun: Vec<Begun>,
    place_of_index: HashMap<u64, usize>,
    /// How many starts were told: the slot of the next one.
    told: usize,
}

#[derive(Debug)]
struct Begun {
    id: String,
    /// Its slot; none until its name is known, since the start is told with it.
    slot: Option<usize>,
    /// Input that came before the name.
    held_back: String,
    /// A signature that came before the name.
    signature: Option<String>,
}

impl ReadEvent for Events {
    fn read(&mut self, data: &str, ready: &mut VecDeque<Delta>) -> Result<(), ProviderError> {
        if data.trim() == "[DONE]" {
            self.finish(ready);
            return Ok(());
        }
        let chunk: Chunk = parse(data)?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(failure::of_event(&error));
        }
        if let Some(choice) = chunk.choices.into_iter().next() {
            self.read_choice(choice, ready)?;
        }
        if let Some(usage) = chunk.usage.and_then(|usage| usage.counted()) {
            ready.push_back(Delta::Usage(usage));
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.is_done
    }
}

impl Events {
    fn read_choice(
        &mut self,
        choice: Choice,
        ready: &mut VecDeque<Delta>,
    ) -> Result<(), ProviderError> {
        let WireDelta {
            content,
            refusal,
            reasoning_content,
            reasoning,
            reasoning_details,
            tool_calls,
        } = choice.delta.unwrap_or_default();
        let (text, thinking) = content.map_or_else(Default::default, Content::split);
        self.has_reasoning_content |= reasoning_content
            .as_ref()
            .is_some_and(|text| !text.is_empty());
        self.details.add(reasoning_details.unwrap_or_default())?;
        let named_otherwise = reasoning.and_then(|reasoning| reasoning.as_str().map(str::to_owned));
        let thinking = [Some(thinking), reasoning_content.or(named_otherwise)]
            .into_iter()
            .flatten();
        for text in thinking.filter(|text| !text.is_empty()) {
            ready.push_back(Delta::Reasoning {
                text,
                signature: None,
            });
        }
        let refusal = refusal.filter(|text| !text.is_empty());
        self.has_refused |= refusal.is_some();
        for text in [Some(text), refusal]
            .into_iter()
            .flatten()
            .filter(|text| !text.is_empty())
        {
            ready.push_back(Delta::Text(text));
        }
        for call in tool_calls.unwrap_or_default() {
            self.calls.read(call, ready)?;
        }
        if let Some(reason) = choice.finish_reason {
            self.finish_reason = Some(finish_reason(&reason));
        }
        Ok(())
    }

    fn finish(&mut self, ready: &mut VecDeque<Delta>) {
        self.calls.finish(ready);
        if let Some(json) = self.details.take() {
            ready.push_back(Seal::Details(&json).delta());
        } else if self.has_reasoning_content {
            ready.push_back(Seal::Content.delta());
        }
        let reason = match self.finish_reason {
            _ if self.has_refused => FinishReason::ContentFilter,
            Some(reason) => reason,
            None if self.calls.begun.is_empty() => FinishReason::Stop,
            None => FinishReason::ToolCalls,
        };
        self.is_done = true;
        ready.push_back(Delta::End(reason));
    }
}

impl Calls {
    fn read(&mut self, call: WireCall, ready: &mut VecDeque<Delta>) -> Result<(), ProviderError> {
        let signature = call.signature();
        let function = call.function.unwrap_or_default();
        let id = call.id.unwrap_or_default();
        let name = function.name.unwrap_or_default();
        let arguments = match function.arguments {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(fragment)) => fragment,
            Some(whole) => whole.to_string(),
        };
        let place = self.place(call.index, &id, &name)?;
        let Some(begun) = self.begun.get_mut(place) else {
            return Ok(());
        };
        if let Some(slot) = begun.slot {
            push_input(slot, arguments, ready);
            push_signature(slot, signature, ready);
            return Ok(());
        }
        begun.held_back.push_str(&arguments);
        begun.signature = signature.or(begun.signature.take());
        if !name.is_empty() {
            begun.tell(name, &mut self.told, ready);
        }
        Ok(())
    }

    /// The call that a fragment belongs to; a new one if it begins one.
    fn place(&mut self, index: Option<u64>, id: &str, name: &str) -> Result<usize, ProviderError> {
        let known = match index {
            Some(index) => self.place_of_index.get(&index).copied(),
            None if id.is_empty() => self.begun.len().checked_sub(1).filter(|_| name.is_empty()),
            None => self.begun.iter().position(|begun| begun.id == id),
        };
        // Some servers number all calls 0 and tell them apart by id.
        let known = known.filter(|&place| {
            let is_other = self
                .begun
                .get(place)
                .is_some_and(|begun| !begun.id.is_empty() && begun.id != id);
            id.is_empty() || name.is_empty() || !is_other
        });
        if let Some(place) = known {
            return Ok(place);
        }
        let place = self.begun.len();
        if place >= MOST_CALLS {
            return Err(ProviderError::broken("the reply has too many calls"));
        }
        self.begun.push(Begun {
            id: id.to_owned(),
            slot: None,
            held_back: String::new(),
            signature: None,
        });
        if let Some(index) = index {
            self.place_of_index.insert(index, place);
        }
        Ok(place)
    }

    /// Calls that never got a name are told all the same; the model will hear that they name no tool.
    fn finish(&mut self, ready: &mut VecDeque<Delta>) {
        for begun in self.begun.iter_mut().filter(|begun| begun.slot.is_none()) {
            begun.tell(String::new(), &mut self.told, ready);
        }
    }
}

impl Begun {
    fn tell(&mut self, name: String, told: &mut usize, ready: &mut VecDeque<Delta>) {
        let slot = *told;
        *told += 1;
        self.slot = Some(slot);
        ready.push_back(Delta::CallStart {
            slot,
            id: self.id.clone(),
            name,
        });
        push_input(slot, std::mem::take(&mut self.held_back), ready);
        push_signature(slot, self.signature.take(), ready);
    }
}

fn push_input(slot: usize, delta: String, ready: &mut VecDeque<Delta>) {
    if !delta.is_empty() {
        ready.push_back(Delta::CallInput { slot, delta });
    }
}

fn push_signature(slot: usize, signature: Option<String>, ready: &mut VecDeque<Delta>) {
    if let Some(signature) = signature {
        let seal = Seal::Call {
            slot,
            signature: &signature,
        };
        ready.push_back(seal.delta());
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "stop" | "end_turn" | "eos" => FinishReason::Stop,
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "tool_calls" | "function_call" | "tool_use" => FinishReason::ToolCalls,
        "content_filter" | "safety" | "refusal" | "sensitive" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}
