//! The fold itself.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::fold_error::FoldError;
use super::merge::merge;
use super::schema;
use super::ui_message::UiMessage;
use crate::client::Transcript;
use crate::partial_json::parse_partial_json;

/// Folds the events of one turn, from one response or from several that were resumed by cursor,
/// fed one after the other.
#[derive(Clone, Debug)]
pub struct Fold {
    message: UiMessage,
    place: usize,
    phase: Phase,
    is_in_step: bool,
    /// Open blocks: kind and id, and the place of the part.
    open: HashMap<(Block, String), usize>,
    /// Block ids that were used, open or closed.
    used: HashSet<(Block, String)>,
    calls: HashMap<String, ToolCall>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Before,
    Running,
    /// After `error` or `abort`: only `finish` may follow.
    Ending,
    Finished,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Block {
    Text,
    Reasoning,
}

#[derive(Clone, Debug)]
struct ToolCall {
    part: usize,
    name: String,
    is_dynamic: bool,
    input_text: String,
    state: CallState,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum CallState {
    Streaming,
    Called,
    Answered,
}

type Checked = Result<(), String>;

impl Default for Fold {
    fn default() -> Self {
        Self::new()
    }
}

impl Fold {
    /// Nothing folded yet.
    pub fn new() -> Self {
        Self {
            message: UiMessage {
                role: "assistant".to_owned(),
                ..UiMessage::default()
            },
            place: 0,
            phase: Phase::Before,
            is_in_step: false,
            open: HashMap::new(),
            used: HashSet::new(),
            calls: HashMap::new(),
        }
    }

    /// Fold one event in.
    pub fn push(&mut self, event: &Value) -> Result<(), FoldError> {
        let folded = schema::check(event).and_then(|()| self.apply(event));
        folded.map_err(|problem| {
            let kind = event["type"].as_str().unwrap_or_default();
            self.error(kind, problem)
        })?;
        self.place += 1;
        Ok(())
    }

    /// Fold in all events of a response.
    pub fn feed(&mut self, response: &Transcript) -> Result<(), FoldError> {
        response
            .events
            .iter()
            .try_for_each(|event| self.push(&event.json))
    }

    /// The message so far.
    pub fn message(&self) -> &UiMessage {
        &self.message
    }

    /// The whole message; an error if `finish` has not come.
    pub fn finish(self) -> Result<UiMessage, FoldError> {
        if self.phase == Phase::Finished {
            return Ok(self.message);
        }
        Err(self.error("", "the stream ended without finish".to_owned()))
    }

    fn error(&self, kind: &str, problem: String) -> FoldError {
        FoldError {
            place: self.place,
            kind: kind.to_owned(),
            problem,
        }
    }

    fn apply(&mut self, event: &Value) -> Checked {
        let kind = event["type"].as_str().unwrap_or_default();
        self.check_phase(kind, event)?;
        match kind {
            "start" => self.start(event),
            "finish" => self.end(event),
            "message-metadata" => {
                self.merge_metadata(event);
                Ok(())
            }
            "start-step" => self.start_step(),
            "finish-step" => self.finish_step(),
            "error" | "abort" => self.stop(),
            "text-start" => self.start_block(Block::Text, event),
            "text-delta" => self.extend_block(Block::Text, event),
            "text-end" => self.end_block(Block::Text, event),
            "reasoning-start" => self.start_block(Block::Reasoning, event),
            "reasoning-delta" => self.extend_block(Block::Reasoning, event),
            "reasoning-end" => self.end_block(Block::Reasoning, event),
            "tool-input-start" => self.start_input(event),
            "tool-input-delta" => self.extend_input(event),
            "tool-input-available" => self.end_input(event),
            "tool-output-available" => self.answer(event, "output-available", "output"),
            "tool-output-error" => self.answer(event, "output-error", "errorText"),
            "source-url" | "source-document" | "file" => self.add_in_step(event),
            _ => {
                self.data(event);
                Ok(())
            }
        }
    }

    fn check_phase(&self, kind: &str, event: &Value) -> Checked {
        let is_transient = event["transient"] == true;
        match self.phase {
            Phase::Before if kind != "start" && !is_transient => {
                Err("it comes before start".into())
            }
            Phase::Running if kind == "start" => Err("a second start".into()),
            Phase::Ending if kind != "finish" && !is_transient => {
                Err("only finish may follow error or abort".into())
            }
            Phase::Finished => Err("it comes after finish".into()),
            _ => Ok(()),
        }
    }

    fn start(&mut self, event: &Value) -> Checked {
        let id = event["messageId"]
            .as_str()
            .ok_or("a start without messageId")?;
        id.clone_into(&mut self.message.id);
        self.phase = Phase::Running;
        self.merge_metadata(event);
        Ok(())
    }

    fn end(&mut self, event: &Value) -> Checked {
        self.expect_closed()?;
        self.phase = Phase::Finished;
        self.merge_metadata(event);
        Ok(())
    }

    fn stop(&mut self) -> Checked {
        self.expect_closed()?;
        self.phase = Phase::Ending;
        Ok(())
    }

    fn expect_closed(&self) -> Checked {
        self.expect_no_open_block()?;
        if self.is_in_step {
            return Err("the step is still open".into());
        }
        Ok(())
    }

    fn merge_metadata(&mut self, event: &Value) {
        let metadata = &event["messageMetadata"];
        if !metadata.is_null() {
            merge(&mut self.message.metadata, metadata);
        }
    }

    fn start_step(&mut self) -> Checked {
        if self.is_in_step {
            return Err("the former step is still open".into());
        }
        self.is_in_step = true;
        self.message.parts.push(json!({"type": "step-start"}));
        Ok(())
    }

    fn finish_step(&mut self) -> Checked {
        self.expect_step()?;
        self.expect_no_open_block()?;
        let unanswered = self
            .calls
            .iter()
            .find(|(_, call)| call.state != CallState::Answered);
        if let Some((id, _)) = unanswered {
            return Err(format!("the call {id} has neither output nor error"));
        }
        self.is_in_step = false;
        Ok(())
    }

    fn expect_step(&self) -> Checked {
        if self.is_in_step {
            Ok(())
        } else {
            Err("it is outside a step".into())
        }
    }

    fn expect_no_open_block(&self) -> Checked {
        match self.open.keys().next() {
            Some((block, id)) => Err(format!("the {} block {id} is still open", block.name())),
            None => Ok(()),
        }
    }

    fn start_block(&mut self, block: Block, event: &Value) -> Checked {
        self.expect_step()?;
        let key = (block, string(event, "id"));
        if !self.used.insert(key.clone()) {
            return Err(format!("the block id {} is used twice", key.1));
        }
        let mut part = json!({"type": block.name(), "text": "", "state": "streaming"});
        copy(event, &mut part, &["providerMetadata"]);
        self.open.insert(key, self.message.parts.len());
        self.message.parts.push(part);
        Ok(())
    }

    fn extend_block(&mut self, block: Block, event: &Value) -> Checked {
        let part = self.open_block(block, event)?;
        append(&mut part["text"], &string(event, "delta"));
        copy(event, part, &["providerMetadata"]);
        Ok(())
    }

    fn end_block(&mut self, block: Block, event: &Value) -> Checked {
        let part = self.open_block(block, event)?;
        part["state"] = "done".into();
        copy(event, part, &["providerMetadata"]);
        self.open.remove(&(block, string(event, "id")));
        Ok(())
    }

    fn open_block(&mut self, block: Block, event: &Value) -> Result<&mut Value, String> {
        let id = string(event, "id");
        let place = self.open.get(&(block, id.clone()));
        let place = place.ok_or_else(|| format!("the {} block {id} is not open", block.name()))?;
        Ok(&mut self.message.parts[*place])
    }

    fn start_input(&mut self, event: &Value) -> Checked {
        self.expect_step()?;
        self.expect_no_open_block()?;
        let id = string(event, "toolCallId");
        if self.calls.contains_key(&id) {
            return Err(format!("the call {id} begins twice"));
        }
        self.add_call(&id, event);
        Ok(())
    }

    fn add_call(&mut self, id: &str, event: &Value) {
        let name = string(event, "toolName");
        let is_dynamic = event["dynamic"] == true;
        let mut part = json!({"toolCallId": id, "state": "input-streaming"});
        if is_dynamic {
            part["type"] = "dynamic-tool".into();
            part["toolName"] = name.clone().into();
        } else {
            part["type"] = format!("tool-{name}").into();
            copy(event, &mut part, &["providerExecuted"]);
        }
        let call = ToolCall {
            part: self.message.parts.len(),
            name,
            is_dynamic,
            input_text: String::new(),
            state: CallState::Streaming,
        };
        self.calls.insert(id.to_owned(), call);
        self.message.parts.push(part);
    }

    fn extend_input(&mut self, event: &Value) -> Checked {
        let id = string(event, "toolCallId");
        let call = self
            .calls
            .get_mut(&id)
            .ok_or_else(|| format!("no call {id} began"))?;
        if call.state != CallState::Streaming {
            return Err(format!("the input of call {id} has ended"));
        }
        call.input_text.push_str(&string(event, "inputTextDelta"));
        let partial = parse_partial_json(&call.input_text);
        set_or_remove(&mut self.message.parts[call.part], "input", partial);
        Ok(())
    }

    fn end_input(&mut self, event: &Value) -> Checked {
        self.expect_step()?;
        self.expect_no_open_block()?;
        let id = string(event, "toolCallId");
        if !self.calls.contains_key(&id) {
            self.add_call(&id, event);
        }
        let call = self.calls.get_mut(&id).expect("it was just added");
        if call.state != CallState::Streaming {
            return Err(format!("the input of call {id} ends twice"));
        }
        if call.name != event["toolName"] || call.is_dynamic != (event["dynamic"] == true) {
            return Err(format!("the call {id} began as another tool"));
        }
        call.state = CallState::Called;
        let part = &mut self.message.parts[call.part];
        part["state"] = "input-available".into();
        part["input"] = event["input"].clone();
        if !call.is_dynamic {
            copy(event, part, &["providerExecuted"]);
        }
        if let Some(metadata) = event.get("providerMetadata") {
            part["callProviderMetadata"] = metadata.clone();
        }
        Ok(())
    }

    fn answer(&mut self, event: &Value, state: &str, field: &str) -> Checked {
        self.expect_step()?;
        let id = string(event, "toolCallId");
        let call = self
            .calls
            .get_mut(&id)
            .ok_or_else(|| format!("no call {id} began"))?;
        if call.state == CallState::Answered {
            return Err(format!("the call {id} is answered twice"));
        }
        if call.state == CallState::Streaming && field == "output" {
            return Err(format!(
                "the call {id} is answered before its input is there"
            ));
        }
        if call.is_dynamic != (event["dynamic"] == true) {
            return Err(format!("the call {id} began as another kind of tool"));
        }
        call.state = CallState::Answered;
        let part = &mut self.message.parts[call.part];
        part["state"] = state.into();
        part[field] = event[field].clone();
        // The client keeps `providerExecuted` of an output, but not that of an error.
        if !call.is_dynamic && field == "output" {
            copy(event, part, &["providerExecuted"]);
        }
        Ok(())
    }

    fn add_in_step(&mut self, event: &Value) -> Checked {
        self.expect_step()?;
        let mut part = event.clone();
        if event["type"] == "file" {
            // The client drops it.
            set_or_remove(&mut part, "providerMetadata", None);
        }
        self.message.parts.push(part);
        Ok(())
    }

    fn data(&mut self, event: &Value) {
        if event["transient"] == true {
            return;
        }
        let same = |part: &&mut Value| {
            event.get("id").is_some() && part["type"] == event["type"] && part["id"] == event["id"]
        };
        match self.message.parts.iter_mut().find(same) {
            Some(part) => part["data"] = event["data"].clone(),
            None => self.message.parts.push(event.clone()),
        }
    }
}

impl Block {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Reasoning => "reasoning",
        }
    }
}

fn string(event: &Value, field: &str) -> String {
    event[field].as_str().unwrap_or_default().to_owned()
}

fn append(target: &mut Value, more: &str) {
    if let Value::String(text) = target {
        text.push_str(more);
    }
}

/// Copy these fields if they are there.
fn copy(from: &Value, to: &mut Value, fields: &[&str]) {
    for field in fields {
        if let Some(value) = from.get(field) {
            to[*field] = value.clone();
        }
    }
}

fn set_or_remove(part: &mut Value, field: &str, value: Option<Value>) {
    let object: &mut Map<String, Value> = part.as_object_mut().expect("a part is an object");
    match value {
        Some(value) => object.insert(field.to_owned(), value),
        None => object.remove(field),
    };
}
