//! A reply as bytes: chunks of `chat.completion.chunk`, or one `chat.completion`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::chat_request::ChatRequest;
use super::frames::{Frames, Step};
use super::reply::{Delta, Ending, Mark, Refusal, Reply, Usage};

/// The stream's steps.
pub(super) fn stream(reply: &Reply, request: &ChatRequest) -> Vec<Step> {
    let mut writer = Writer::new(reply, request);
    writer.delta(
        r#"{"role":"assistant","content":"","refusal":null}"#,
        "null",
    );
    let sent = reply.ending.sent_of(reply.deltas.len());
    for (place, delta) in reply.deltas.iter().take(sent).enumerate() {
        writer.frames.marks(reply, place);
        if !reply.delay_between.is_zero() {
            writer.frames.act(Step::Do(Mark::Wait(reply.delay_between)));
        }
        if let Some(encoded) = encode(delta, reply, request.number) {
            writer.delta(&encoded, "null");
        }
    }
    writer.frames.marks(reply, sent);
    match reply.ending {
        Ending::Cut(_) => writer.frames.act(Step::Break),
        Ending::Stall(_) => writer.frames.act(Step::Hang),
        Ending::Truncated(_) => {}
        Ending::Done | Ending::WithoutDone => {
            writer.delta("{}", &Value::from(finish_reason(reply)).to_string());
            if request.wants_usage() {
                writer.usage(&usage(reply));
            }
            if reply.ending == Ending::Done {
                writer.frames.raw("data: [DONE]\n\n");
            }
        }
    }
    writer.frames.finish()
}

/// The answer to a request that asked for no stream.
pub(super) fn whole(reply: &Reply, request: &ChatRequest) -> Bytes {
    let mut message = json!({"role": "assistant", "content": null, "refusal": null});
    let mut calls: Vec<Value> = Vec::new();
    for delta in &reply.deltas {
        match delta {
            Delta::Text(part) => append(&mut message["content"], part),
            Delta::Reasoning(part) => append(&mut message["reasoning_content"], part),
            Delta::Redacted(_) => {}
            Delta::Refusal(part) => append(&mut message["refusal"], part),
            Delta::CallStart { index, id, name } => calls.push(json!({
                "id": call_id(id.as_deref(), request.number, *index),
                "type": "function",
                "function": {"name": name, "arguments": ""},
            })),
            Delta::CallArguments { index, fragment } => {
                append(&mut calls[*index]["function"]["arguments"], fragment);
            }
        }
    }
    if !calls.is_empty() {
        message["tool_calls"] = Value::from(calls);
    }
    let body = json!({
        "id": reply_id(request.number),
        "object": "chat.completion",
        "created": CREATED,
        "model": request.model(),
        "choices": [{
            "index": 0, "message": message, "logprobs": null,
            "finish_reason": finish_reason(reply),
        }],
        "usage": usage(reply),
    });
    Bytes::from(body.to_string())
}

/// The JSON body of an HTTP error, in OpenAI's words.
pub(super) fn error(refusal: &Refusal) -> Bytes {
    let (kind, code, message) = match refusal.status {
        401 => (
            "invalid_request_error",
            Some("invalid_api_key"),
            "Incorrect API key provided",
        ),
        429 => (
            "requests",
            Some("rate_limit_exceeded"),
            "Rate limit reached for requests",
        ),
        400..=499 => ("invalid_request_error", None, "The request was refused"),
        _ => (
            "server_error",
            None,
            "The server had an error while processing your request",
        ),
    };
    let body = json!({"error": {
        "message": refusal.message.as_deref().unwrap_or(message),
        "type": kind,
        "param": null,
        "code": refusal.code.as_deref().or(code),
    }});
    Bytes::from(body.to_string())
}

/// A fixed instant: nothing reads it, and bytes stay comparable.
const CREATED: u64 = 1_700_000_000;

fn reply_id(number: usize) -> String {
    format!("chatcmpl-{number:08}")
}

fn call_id(given: Option<&str>, number: usize, index: usize) -> String {
    given.map_or_else(|| format!("call_{number:06}{index:02}"), str::to_owned)
}

fn finish_reason(reply: &Reply) -> &str {
    let natural = if reply.calls > 0 {
        "tool_calls"
    } else {
        "stop"
    };
    reply.finish_reason.as_deref().unwrap_or(natural)
}

fn usage(reply: &Reply) -> Value {
    let Usage {
        input,
        output,
        cached,
        reasoning,
    } = reply.counted();
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0},
    })
}

fn append(target: &mut Value, part: &str) {
    let former = target.as_str().unwrap_or_default();
    *target = Value::from(format!("{former}{part}"));
}

/// None for what this protocol does not know.
fn encode(delta: &Delta, reply: &Reply, number: usize) -> Option<String> {
    let encoded = match delta {
        Delta::Text(part) => format!(r#"{{"content":{}}}"#, quoted(part)),
        Delta::Reasoning(part) => {
            format!(r#"{{"{}":{}}}"#, reply.reasoning_field(), quoted(part))
        }
        Delta::Redacted(_) => return None,
        Delta::Refusal(part) => format!(r#"{{"refusal":{}}}"#, quoted(part)),
        Delta::CallStart { index, id, name } => {
            let mut call = json!({
                "index": index,
                "id": call_id(id.as_deref(), number, *index),
                "type": "function",
                "function": {"name": name, "arguments": ""},
            });
            if let Some(signature) = &reply.call_signature {
                call["extra_content"] =
                    json!({"google": {"thought_signature": format!("{signature}-{index}")}});
            }
            json!({ "tool_calls": [call] }).to_string()
        }
        Delta::CallArguments { index, fragment } => json!({"tool_calls": [{
            "index": index,
            "function": {"arguments": fragment},
        }]})
        .to_string(),
    };
    Some(encoded)
}

pub(super) fn quoted(part: &str) -> String {
    serde_json::to_string(part).expect("a string is always JSON")
}

/// Puts deltas into chunks.
struct Writer {
    head: String,
    tail: &'static str,
    frames: Frames,
}

impl Writer {
    fn new(reply: &Reply, request: &ChatRequest) -> Self {
        let head = format!(
            r#"data: {{"id":"{}","object":"chat.completion.chunk","created":{CREATED},"model":{},"service_tier":"default","system_fingerprint":"fp_fake","#,
            reply_id(request.number),
            quoted(request.model()),
        );
        // Asked for usage, the real API puts `null` on every chunk but the last.
        let tail = if request.wants_usage() {
            "}],\"usage\":null}\n\n"
        } else {
            "}]}\n\n"
        };
        Self {
            frames: Frames::new(reply, head.len() + 100),
            head,
            tail,
        }
    }

    fn delta(&mut self, delta: &str, finish_reason: &str) {
        self.frames.put(self.head.as_bytes());
        self.frames.put(br#""choices":[{"index":0,"delta":"#);
        self.frames.put(delta.as_bytes());
        self.frames.put(br#","logprobs":null,"finish_reason":"#);
        self.frames.put(finish_reason.as_bytes());
        self.frames.put(self.tail.as_bytes());
        self.frames.end();
    }

    fn usage(&mut self, usage: &Value) {
        self.frames.put(self.head.as_bytes());
        let rest = format!("\"choices\":[],\"usage\":{usage}}}\n\n");
        self.frames.raw(&rest);
    }
}
