//! From a turn's events to one message, as the AI SDK folds them (`processUIMessageStream` in
//! `ai`, 5.0.0 to 7).

use crate::sse::Profile;
use copilot_core::{event::Event, position::Position};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Parts that grow with the events.
pub(super) struct Fold {
    profile: Profile,
    metadata: Map<String, Value>,
    parts: Vec<Value>,
    /// Where each block stands in `parts`.
    blocks: HashMap<Position, usize>,
    /// Where each call stands in `parts`.
    calls: HashMap<String, usize>,
}

impl Fold {
    pub(super) fn new(profile: Profile) -> Self {
        Self {
            profile,
            metadata: Map::new(),
            parts: Vec::new(),
            blocks: HashMap::new(),
            calls: HashMap::new(),
        }
    }

    /// Metadata and parts.
    pub(super) fn finish(self) -> (Value, Vec<Value>) {
        (self.metadata.into(), self.parts)
    }

    pub(super) fn push(&mut self, event: &Event) {
        match event {
            Event::Start {
                message_metadata, ..
            } => self.merge(message_metadata),
            Event::Finish { message_metadata } => self.merge(message_metadata),
            Event::Files { data } => {
                self.parts.push(json!({"type": "data-files", "data": data}));
            }
            Event::Error { error } => {
                self.parts
                    .push(json!({"type": "data-error", "data": error}));
            }
            Event::StartStep => self.parts.push(json!({"type": "step-start"})),
            Event::TextStart { id } => self.begin("text", *id),
            Event::ReasoningStart { id } => self.begin("reasoning", *id),
            Event::TextDelta { id, delta } | Event::ReasoningDelta { id, delta } => {
                self.extend(*id, delta);
            }
            Event::TextEnd { id } | Event::ReasoningEnd { id } => {
                if let Some(part) = self.block(*id) {
                    set(part, "state", "done");
                }
            }
            Event::ToolInputStart {
                tool_call_id,
                tool_name,
            } => self.begin_call(tool_call_id, tool_name),
            Event::ToolInputAvailable {
                tool_call_id,
                tool_name,
                input,
            } => self.input(tool_call_id, tool_name, input),
            Event::ToolInputError {
                tool_call_id,
                tool_name,
                input,
                error_text,
            } => match self.profile {
                // Its answer follows as an event of its own.
                Profile::V5 => self.input(tool_call_id, tool_name, input),
                Profile::V6 | Profile::V7 => {
                    self.begin_call(tool_call_id, tool_name);
                    self.change(tool_call_id, "output-error", "rawInput", input.clone());
                    self.change(
                        tool_call_id,
                        "output-error",
                        "errorText",
                        error_text.as_str(),
                    );
                }
            },
            Event::ToolOutputAvailable {
                tool_call_id,
                output,
            } => self.change(tool_call_id, "output-available", "output", output.clone()),
            Event::ToolOutputError {
                tool_call_id,
                error_text,
            } => self.change(
                tool_call_id,
                "output-error",
                "errorText",
                error_text.as_str(),
            ),
            // What never becomes part of a message, or is not stored.
            Event::ToolInputDelta { .. }
            | Event::FinishStep
            | Event::Reset { .. }
            | Event::Abort { .. }
            | Event::Status { .. }
            | Event::Title { .. } => {}
        }
    }

    fn merge(&mut self, metadata: &impl Serialize) {
        if let Ok(Value::Object(fields)) = serde_json::to_value(metadata) {
            self.metadata.extend(fields);
        }
    }

    fn begin(&mut self, kind: &str, id: Position) {
        self.blocks.insert(id, self.parts.len());
        self.parts
            .push(json!({"type": kind, "text": "", "state": "streaming"}));
    }

    fn extend(&mut self, id: Position, delta: &str) {
        if let Some(Value::String(text)) = self.block(id).and_then(|part| part.get_mut("text")) {
            text.push_str(delta);
        }
    }

    fn block(&mut self, id: Position) -> Option<&mut Value> {
        self.parts.get_mut(*self.blocks.get(&id)?)
    }

    fn input(&mut self, id: &str, tool: &str, input: &Value) {
        self.begin_call(id, tool);
        self.change(id, "input-available", "input", input.clone());
    }

    fn begin_call(&mut self, id: &str, tool: &str) {
        if self.calls.contains_key(id) {
            return;
        }
        self.calls.insert(id.to_owned(), self.parts.len());
        self.parts.push(json!({
            "type": format!("tool-{tool}"), "toolCallId": id, "state": "input-streaming",
        }));
    }

    /// A call comes to this state, with this field.
    fn change(&mut self, id: &str, state: &str, field: &str, value: impl Into<Value>) {
        let place = self.calls.get(id);
        if let Some(part) = place.and_then(|place| self.parts.get_mut(*place)) {
            set(part, "state", state);
            set(part, field, value);
        }
    }
}

fn set(part: &mut Value, field: &str, value: impl Into<Value>) {
    if let Value::Object(fields) = part {
        fields.insert(field.to_owned(), value.into());
    }
}
