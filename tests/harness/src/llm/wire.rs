//! A reply as bytes: chunks of `chat.completion.chunk`, or one `chat.completion`.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};

use super::chat_request::ChatRequest;
use super::reply::{Delta, Ending, Mark, Refusal, Reply, Usage};

/// What the body does next.
#[derive(Debug)]
pub(super) enum Step {
    Send(Bytes),
    Do(Mark),
    Break,
    Hang,
}

/// The stream's steps. All bytes are cut from one allocation.
pub(super) fn stream(reply: &Reply, request: &ChatRequest) -> Vec<Step> {
    let mut writer = Writer::new(reply, request);
    writer.delta(
        r#"{"role":"assistant","content":"","refusal":null}"#,
        "null",
    );
    let sent = reply.ending.sent_of(reply.deltas.len());
    for (place, delta) in reply.deltas.iter().take(sent).enumerate() {
        writer.marks(reply, place);
        if !reply.delay_between.is_zero() {
            writer.act(Step::Do(Mark::Wait(reply.delay_between)));
        }
        let encoded = encode(delta, request.number);
        writer.delta(&encoded, "null");
    }
    writer.marks(reply, sent);
    match reply.ending {
        Ending::Cut(_) => writer.act(Step::Break),
        Ending::Stall(_) => writer.act(Step::Hang),
        Ending::Truncated(_) => {}
        Ending::Done | Ending::WithoutDone => {
            writer.delta("{}", &Value::from(finish_reason(reply)).to_string());
            if request.wants_usage() {
                writer.usage(&usage(reply));
            }
            if reply.ending == Ending::Done {
                writer.raw("data: [DONE]\n\n");
            }
        }
    }
    writer.finish()
}

/// The answer to a request that asked for no stream.
pub(super) fn whole(reply: &Reply, request: &ChatRequest) -> Bytes {
    let mut message = json!({"role": "assistant", "content": null, "refusal": null});
    let mut calls: Vec<Value> = Vec::new();
    for delta in &reply.deltas {
        match delta {
            Delta::Text(part) => append(&mut message["content"], part),
            Delta::Reasoning(part) => append(&mut message["reasoning_content"], part),
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
    } = reply.usage.unwrap_or(Usage {
        input: 10,
        output: reply.deltas.len() as u64,
        cached: 0,
        reasoning: 0,
    });
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

fn encode(delta: &Delta, number: usize) -> String {
    match delta {
        Delta::Text(part) => format!(r#"{{"content":{}}}"#, quoted(part)),
        Delta::Reasoning(part) => format!(r#"{{"reasoning_content":{}}}"#, quoted(part)),
        Delta::Refusal(part) => format!(r#"{{"refusal":{}}}"#, quoted(part)),
        Delta::CallStart { index, id, name } => json!({"tool_calls": [{
            "index": index,
            "id": call_id(id.as_deref(), number, *index),
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }]})
        .to_string(),
        Delta::CallArguments { index, fragment } => json!({"tool_calls": [{
            "index": index,
            "function": {"arguments": fragment},
        }]})
        .to_string(),
    }
}

fn quoted(part: &str) -> String {
    serde_json::to_string(part).expect("a string is always JSON")
}

/// Collects bytes and cuts them where a frame ends.
struct Writer {
    head: String,
    tail: &'static str,
    is_burst: bool,
    buffer: BytesMut,
    steps: Vec<Step>,
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
            buffer: BytesMut::with_capacity((head.len() + 100) * (reply.deltas.len() + 4)),
            steps: Vec::with_capacity(reply.deltas.len() + 4),
            is_burst: reply.is_burst,
            head,
            tail,
        }
    }

    fn delta(&mut self, delta: &str, finish_reason: &str) {
        self.buffer.put_slice(self.head.as_bytes());
        self.buffer.put_slice(br#""choices":[{"index":0,"delta":"#);
        self.buffer.put_slice(delta.as_bytes());
        self.buffer
            .put_slice(br#","logprobs":null,"finish_reason":"#);
        self.buffer.put_slice(finish_reason.as_bytes());
        self.buffer.put_slice(self.tail.as_bytes());
        self.end_frame();
    }

    fn usage(&mut self, usage: &Value) {
        self.buffer.put_slice(self.head.as_bytes());
        let rest = format!("\"choices\":[],\"usage\":{usage}}}\n\n");
        self.raw(&rest);
    }

    fn raw(&mut self, bytes: &str) {
        self.buffer.put_slice(bytes.as_bytes());
        self.end_frame();
    }

    fn marks(&mut self, reply: &Reply, place: usize) {
        for (_, mark) in reply.marks.iter().filter(|(after, _)| *after == place) {
            match mark {
                Mark::Raw(line) => self.raw(line),
                Mark::Gate(_) | Mark::Wait(_) => self.act(Step::Do(mark.clone())),
            }
        }
    }

    fn act(&mut self, step: Step) {
        self.cut_frame();
        self.steps.push(step);
    }

    fn end_frame(&mut self) {
        if !self.is_burst {
            self.cut_frame();
        }
    }

    fn cut_frame(&mut self) {
        if !self.buffer.is_empty() {
            self.steps.push(Step::Send(self.buffer.split().freeze()));
        }
    }

    fn finish(mut self) -> Vec<Step> {
        self.cut_frame();
        self.steps
    }
}
