//! A reply as events of Anthropic's messages.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::llm::chat_request::ChatRequest;
use crate::llm::frames::{Frames, Step};
use crate::llm::reply::{Delta, Ending, Mark, Refusal, Reply, Usage};

/// Ids of calls that were thought about begin so.
pub(super) const THOUGHT_CALL: &str = "toolu_thought_";

/// What a thinking block must come back with.
pub(super) fn signature(thinking: &str) -> String {
    let mut hasher = DefaultHasher::new();
    thinking.hash(&mut hasher);
    format!("sig-{:016x}==", hasher.finish())
}

/// The stream's steps.
pub(in crate::llm) fn stream(reply: &Reply, request: &ChatRequest) -> Vec<Step> {
    let mut writer = Writer::new(reply, request.number);
    writer.start(reply, request);
    let sent = reply.ending.sent_of(reply.deltas.len());
    for (place, delta) in reply.deltas.iter().take(sent).enumerate() {
        writer.frames.marks(reply, place);
        if !reply.delay_between.is_zero() {
            writer.frames.act(Step::Do(Mark::Wait(reply.delay_between)));
        }
        writer.delta(delta);
    }
    writer.frames.marks(reply, sent);
    match reply.ending {
        Ending::Cut(_) => writer.frames.act(Step::Break),
        Ending::Stall(_) => writer.frames.act(Step::Hang),
        Ending::Truncated(_) => {}
        Ending::Done | Ending::WithoutDone => writer.end(reply),
    }
    writer.frames.finish()
}

/// The JSON body of an HTTP error, in Anthropic's words.
pub(in crate::llm) fn error(refusal: &Refusal) -> Bytes {
    let kind = match refusal.status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    };
    let body = json!({"type": "error", "error": {
        "type": refusal.code.as_deref().unwrap_or(kind),
        "message": refusal.message.as_deref().unwrap_or("no"),
    }});
    Bytes::from(body.to_string())
}

/// What the open block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Call(usize),
}

struct Writer {
    frames: Frames,
    number: usize,
    /// How many blocks were begun; the open one is the last.
    blocks: usize,
    open: Option<Kind>,
    thinking: String,
    has_thought: bool,
}

impl Writer {
    fn new(reply: &Reply, number: usize) -> Self {
        Self {
            frames: Frames::new(reply, 140),
            number,
            blocks: 0,
            open: None,
            thinking: String::new(),
            has_thought: false,
        }
    }

    fn start(&mut self, reply: &Reply, request: &ChatRequest) {
        let mut usage = input_usage(reply.counted());
        usage["output_tokens"] = json!(1);
        self.event(&json!({"type": "message_start", "message": {
            "id": format!("msg_{:08}", self.number),
            "type": "message", "role": "assistant", "model": request.model(), "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": usage,
        }}));
        self.event(&json!({"type": "ping"}));
    }

    fn delta(&mut self, delta: &Delta) {
        match delta {
            Delta::Text(part) | Delta::Refusal(part) => {
                self.enter(Kind::Text, || json!({"type": "text", "text": ""}));
                self.block_delta(&json!({"type": "text_delta", "text": part}));
            }
            Delta::Reasoning(part) => {
                self.enter(
                    Kind::Thinking,
                    || json!({"type": "thinking", "thinking": "", "signature": ""}),
                );
                self.has_thought = true;
                self.thinking.push_str(part);
                self.block_delta(&json!({"type": "thinking_delta", "thinking": part}));
            }
            Delta::Redacted(data) => {
                self.leave();
                self.has_thought = true;
                self.begin(&json!({"type": "redacted_thinking", "data": data}));
                self.stop();
            }
            Delta::CallStart { index, id, name } => {
                let id = id.clone().unwrap_or_else(|| self.call_id(*index));
                self.enter(
                    Kind::Call(*index),
                    || json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
                );
            }
            Delta::CallArguments { fragment, .. } => {
                self.block_delta(&json!({"type": "input_json_delta", "partial_json": fragment}));
            }
        }
    }

    fn call_id(&self, index: usize) -> String {
        let front = if self.has_thought {
            THOUGHT_CALL
        } else {
            "toolu_"
        };
        format!("{front}{:06}{index:02}", self.number)
    }

    fn end(&mut self, reply: &Reply) {
        self.leave();
        let refuses = |delta: &Delta| matches!(delta, Delta::Refusal(_));
        let natural = if reply.deltas.iter().any(refuses) {
            "refusal"
        } else if reply.calls > 0 {
            "tool_use"
        } else {
            "end_turn"
        };
        let reason = reply.finish_reason.as_deref().unwrap_or(natural);
        let counted = reply.counted();
        let mut usage = input_usage(counted);
        usage["output_tokens"] = json!(counted.output);
        self.event(&json!({
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": null},
            "usage": usage,
        }));
        if reply.ending == Ending::Done {
            self.event(&json!({"type": "message_stop"}));
        }
    }

    /// Opens a block of `kind`, unless it is open.
    fn enter(&mut self, kind: Kind, block: impl FnOnce() -> Value) {
        if self.open != Some(kind) {
            self.leave();
            self.begin(&block());
            self.open = Some(kind);
        }
    }

    /// Closes the open block.
    fn leave(&mut self) {
        let Some(kind) = self.open.take() else { return };
        if kind == Kind::Thinking {
            let signature = signature(&std::mem::take(&mut self.thinking));
            self.block_delta(&json!({"type": "signature_delta", "signature": signature}));
        }
        self.stop();
    }

    fn begin(&mut self, block: &Value) {
        let index = self.blocks;
        self.blocks += 1;
        self.event(&json!({"type": "content_block_start", "index": index, "content_block": block}));
    }

    fn block_delta(&mut self, delta: &Value) {
        let index = self.blocks - 1;
        self.event(&json!({"type": "content_block_delta", "index": index, "delta": delta}));
    }

    fn stop(&mut self) {
        let index = self.blocks - 1;
        self.event(&json!({"type": "content_block_stop", "index": index}));
    }

    fn event(&mut self, event: &Value) {
        let name = event["type"].as_str().expect("each event has a type");
        self.frames
            .raw(&format!("event: {name}\ndata: {event}\n\n"));
    }
}

/// Half of what no cache has seen is put into the cache now.
fn input_usage(usage: Usage) -> Value {
    let fresh = usage.input - usage.cached;
    let created = fresh / 2;
    json!({
        "input_tokens": fresh - created,
        "cache_creation_input_tokens": created,
        "cache_read_input_tokens": usage.cached,
    })
}
