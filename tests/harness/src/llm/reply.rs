//! What the model answers to one request, faults included.

use std::time::Duration;

use serde_json::{Value, json};

use super::gate::Gate;

/// An answer under construction. Reasoning comes first, then text, then calls, unless the order
/// is given by the `and_…` methods; then the finish reason, usage if asked for, and `[DONE]`.
///
/// *Deltas* are counted over all three kinds: `gate_after(2)`, `cut_after(2)` and `stall_after(2)`
/// speak of the moment when two of them are on their way.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub(super) status: Option<Refusal>,
    pub(super) deltas: Vec<Delta>,
    pub(super) calls: usize,
    pub(super) marks: Vec<(usize, Mark)>,
    pub(super) ending: Ending,
    pub(super) finish_reason: Option<String>,
    pub(super) usage: Option<Usage>,
    pub(super) call_signature: Option<String>,
    pub(super) names_reasoning: ReasoningName,
    pub(super) first_byte_delay: Duration,
    pub(super) first_byte_gate: Option<Gate>,
    pub(super) delay_between: Duration,
    pub(super) is_burst: bool,
}

/// An HTTP error instead of a stream.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}

/// One `delta` of a chunk.
#[derive(Clone, Debug)]
pub(super) enum Delta {
    Reasoning(String),
    Text(String),
    /// Thinking that nobody may read; Anthropic's protocol alone knows it.
    Redacted(String),
    Refusal(String),
    CallStart {
        index: usize,
        id: Option<String>,
        name: String,
    },
    CallArguments {
        index: usize,
        fragment: String,
    },
}

/// What happens between two deltas.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    Gate(Gate),
    Wait(Duration),
    /// A line as it is, between the chunks.
    Raw(String),
}

/// How the body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Ending {
    #[default]
    Done,
    /// Finish reason and usage, but no `[DONE]`.
    WithoutDone,
    /// After so many deltas the connection breaks.
    Cut(usize),
    /// After so many deltas nothing comes any more, and the connection stays.
    Stall(usize),
    /// After so many deltas the body ends as if that were all.
    Truncated(usize),
}

/// Under which name OpenAI's protocol carries thinking.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum ReasoningName {
    /// `reasoning_content`.
    #[default]
    Content,
    /// `reasoning`, as Ollama and some gateways have it.
    Short,
}

/// Token counts as the provider bills them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) cached: u64,
    pub(super) reasoning: u64,
}

/// Text, split behind each space into deltas.
pub fn text(text: impl AsRef<str>) -> Reply {
    Reply::default().and_text(text)
}

/// Text in exactly these deltas.
pub fn chunks<S: Into<String>>(chunks: impl IntoIterator<Item = S>) -> Reply {
    Reply::default().and_chunks(chunks)
}

/// One tool call; more with [`Reply::call`].
pub fn calls(tool: impl Into<String>, arguments: impl Into<Value>) -> Reply {
    Reply::default().call(tool, arguments)
}

/// An HTTP error; see [`Reply::retry_after`] and [`Reply::error_code`].
pub fn status(status: u16) -> Reply {
    Reply {
        status: Some(Refusal {
            status,
            retry_after: None,
            code: None,
            message: None,
        }),
        ..Reply::default()
    }
}

/// All that [`Reply::words`] says.
pub fn text_of_words(count: usize) -> String {
    (0..count).map(word).collect()
}

fn word(number: usize) -> String {
    format!("word{number} ")
}

impl Reply {
    /// `count` text deltas, `word0 word1 …`.
    pub fn words(count: usize) -> Self {
        chunks((0..count).map(word))
    }

    /// Text first, then one tool call.
    pub fn text_then_calls(
        said: impl AsRef<str>,
        tool: impl Into<String>,
        arguments: impl Into<Value>,
    ) -> Self {
        text(said).call(tool, arguments)
    }

    /// A stream that sends `data: not json` after its first delta and goes on.
    pub fn garbage() -> Self {
        text("before after").raw_after(1, "data: {not json\n\n")
    }

    /// A stream that turns into an error after `deltas` deltas of `said`, and ends there.
    pub fn error_in_stream(said: impl AsRef<str>, deltas: usize) -> Self {
        let error = json!({"error": {
            "message": "The server had an error while processing your request",
            "type": "server_error", "param": null, "code": null,
        }});
        text(said)
            .raw_after(deltas, format!("data: {error}\n\n"))
            .truncated_after(deltas)
    }

    /// The same in Anthropic's protocol, with this type of error.
    pub fn anthropic_error_in_stream(said: impl AsRef<str>, deltas: usize, kind: &str) -> Self {
        let error = json!({"type": "error", "error": {"type": kind, "message": "no"}});
        text(said)
            .raw_after(deltas, format!("event: error\ndata: {error}\n\n"))
            .truncated_after(deltas)
    }

    /// Headers that come only after `delay`.
    pub fn slow_first_byte(said: impl AsRef<str>, delay: Duration) -> Self {
        text(said).first_byte_delay(delay)
    }

    /// More text, behind what is there.
    #[must_use]
    pub fn and_text(self, text: impl AsRef<str>) -> Self {
        let words: Vec<&str> = text.as_ref().split_inclusive(' ').collect();
        self.and_chunks(words)
    }

    /// More text in exactly these deltas, behind what is there.
    #[must_use]
    pub fn and_chunks<S: Into<String>>(mut self, chunks: impl IntoIterator<Item = S>) -> Self {
        let chunks = chunks.into_iter().map(|chunk| Delta::Text(chunk.into()));
        self.deltas.extend(chunks);
        self
    }

    /// Reasoning (`reasoning_content`) in front of everything but earlier reasoning. Points that
    /// were set by a number of deltas before move along.
    #[must_use]
    pub fn reasoning(mut self, thought: impl AsRef<str>) -> Self {
        let thoughts: Vec<Delta> = thought
            .as_ref()
            .split_inclusive(' ')
            .map(|word| Delta::Reasoning(word.to_owned()))
            .collect();
        let front = self
            .deltas
            .iter()
            .take_while(|delta| matches!(delta, Delta::Reasoning(_)))
            .count();
        for (after, _) in &mut self.marks {
            *after += thoughts.len();
        }
        self.ending = self.ending.moved_by(thoughts.len());
        self.deltas.splice(front..front, thoughts);
        self
    }

    /// Reasoning behind what is there.
    #[must_use]
    pub fn and_reasoning(mut self, thought: impl AsRef<str>) -> Self {
        let words = thought.as_ref().split_inclusive(' ');
        self.deltas
            .extend(words.map(|word| Delta::Reasoning(word.to_owned())));
        self
    }

    /// Sealed thinking behind what is there (Anthropic's `redacted_thinking`).
    #[must_use]
    pub fn and_redacted(mut self, data: impl Into<String>) -> Self {
        self.deltas.push(Delta::Redacted(data.into()));
        self
    }

    /// Carry thinking as `reasoning`, the way Ollama does.
    #[must_use]
    pub fn short_reasoning(mut self) -> Self {
        self.names_reasoning = ReasoningName::Short;
        self
    }

    /// Sign each call the way Gemini does: with this and the call's number.
    #[must_use]
    pub fn sign_calls(mut self, signature: impl Into<String>) -> Self {
        self.call_signature = Some(signature.into());
        self
    }

    /// The model declines (`delta.refusal`).
    #[must_use]
    pub fn and_refusal(mut self, refusal: impl Into<String>) -> Self {
        self.deltas.push(Delta::Refusal(refusal.into()));
        self
    }

    /// A tool call beside the others of this reply, its arguments in fragments. The upstream
    /// gives it an id that it never gives again.
    #[must_use]
    pub fn call(self, tool: impl Into<String>, arguments: impl Into<Value>) -> Self {
        let arguments: Value = arguments.into();
        self.raw_call(None, tool, &arguments.to_string())
    }

    /// A call with this id, and with these arguments even if they are no JSON.
    #[must_use]
    pub fn raw_call(mut self, id: Option<&str>, tool: impl Into<String>, arguments: &str) -> Self {
        let index = self.calls;
        self.calls += 1;
        self.deltas.push(Delta::CallStart {
            index,
            id: id.map(str::to_owned),
            name: tool.into(),
        });
        let characters: Vec<char> = arguments.chars().collect();
        for fragment in characters.chunks(8) {
            self.deltas.push(Delta::CallArguments {
                index,
                fragment: fragment.iter().collect(),
            });
        }
        self
    }

    /// Stop here, behind all that was added so far, until the test releases the gate.
    #[must_use]
    pub fn gate(self, gate: &Gate) -> Self {
        let here = self.deltas.len();
        self.gate_after(here, gate)
    }

    /// Stop after `deltas` deltas until the test releases the gate.
    #[must_use]
    pub fn gate_after(mut self, deltas: usize, gate: &Gate) -> Self {
        self.marks.push((deltas, Mark::Gate(gate.clone())));
        self
    }

    /// Send no byte, not even headers, until the test releases the gate.
    #[must_use]
    pub fn gate_first_byte(mut self, gate: &Gate) -> Self {
        self.first_byte_gate = Some(gate.clone());
        self
    }

    /// Put bytes between the chunks, after `deltas` deltas.
    #[must_use]
    pub fn raw_after(mut self, deltas: usize, line: impl Into<String>) -> Self {
        self.marks.push((deltas, Mark::Raw(line.into())));
        self
    }

    /// Wait once, after `deltas` deltas.
    #[must_use]
    pub fn wait_after(mut self, deltas: usize, wait: Duration) -> Self {
        self.marks.push((deltas, Mark::Wait(wait)));
        self
    }

    /// Wait before each delta.
    #[must_use]
    pub fn delay_between(mut self, delay: Duration) -> Self {
        self.delay_between = delay;
        self
    }

    /// Wait before the headers.
    #[must_use]
    pub fn first_byte_delay(mut self, delay: Duration) -> Self {
        self.first_byte_delay = delay;
        self
    }

    /// Write all that can be written in one go instead of one small frame for each chunk.
    #[must_use]
    pub fn burst(mut self) -> Self {
        self.is_burst = true;
        self
    }

    /// Token counts of the usage chunk, instead of made-up ones.
    #[must_use]
    pub fn usage(mut self, input: u64, output: u64, cached: u64, reasoning: u64) -> Self {
        self.usage = Some(Usage {
            input,
            output,
            cached,
            reasoning,
        });
        self
    }

    /// Another finish reason than `stop` or `tool_calls`.
    #[must_use]
    pub fn finish_reason(mut self, reason: impl Into<String>) -> Self {
        self.finish_reason = Some(reason.into());
        self
    }

    /// The connection breaks after `deltas` deltas.
    #[must_use]
    pub fn cut_after(mut self, deltas: usize) -> Self {
        self.ending = Ending::Cut(deltas);
        self
    }

    /// After `deltas` deltas nothing comes any more, but the connection stays open.
    #[must_use]
    pub fn stall_after(mut self, deltas: usize) -> Self {
        self.ending = Ending::Stall(deltas);
        self
    }

    /// The body ends cleanly after `deltas` deltas: no finish reason, no `[DONE]`.
    #[must_use]
    pub fn truncated_after(mut self, deltas: usize) -> Self {
        self.ending = Ending::Truncated(deltas);
        self
    }

    /// Everything but `[DONE]`.
    #[must_use]
    pub fn end_without_done(mut self) -> Self {
        self.ending = Ending::WithoutDone;
        self
    }

    /// The header of that name on an error, in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.refusal(|refusal| refusal.retry_after = Some(seconds.to_string()))
    }

    /// `error.code` and `error.message` of an error.
    #[must_use]
    pub fn error_code(self, code: impl Into<String>, message: impl Into<String>) -> Self {
        self.refusal(|refusal| {
            refusal.code = Some(code.into());
            refusal.message = Some(message.into());
        })
    }

    pub(super) fn reasoning_field(&self) -> &'static str {
        match self.names_reasoning {
            ReasoningName::Content => "reasoning_content",
            ReasoningName::Short => "reasoning",
        }
    }

    /// What is billed: as the test says, else made up.
    pub(super) fn counted(&self) -> Usage {
        self.usage.unwrap_or(Usage {
            input: 10,
            output: self.deltas.len() as u64,
            cached: 0,
            reasoning: 0,
        })
    }

    fn refusal(mut self, change: impl FnOnce(&mut Refusal)) -> Self {
        let refusal = self.status.as_mut();
        change(refusal.expect("only an error reply (`status(…)`) has error details"));
        self
    }
}

impl Ending {
    /// How many of `deltas` are sent at all.
    pub(super) fn sent_of(self, deltas: usize) -> usize {
        match self {
            Self::Done | Self::WithoutDone => deltas,
            Self::Cut(after) | Self::Stall(after) | Self::Truncated(after) => after.min(deltas),
        }
    }

    fn moved_by(self, deltas: usize) -> Self {
        match self {
            Self::Done | Self::WithoutDone => self,
            Self::Cut(after) => Self::Cut(after + deltas),
            Self::Stall(after) => Self::Stall(after + deltas),
            Self::Truncated(after) => Self::Truncated(after + deltas),
        }
    }
}
