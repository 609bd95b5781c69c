//! A request in Anthropic's form. The same conversation gives the same bytes, so that the marked
//! front is found in the server's cache.

use super::traits::{ModelTraits, Sampling, ThinkingForm};
use crate::{
    effort::Effort,
    model_message::ModelMessage,
    provider::ModelRequest,
    provider_error::ProviderError,
    providers::{
        call_id_rule::CallIdRule,
        openai::tool_name,
        seal::{Place, Seal},
    },
};
use copilot_core::message::{Reasoning, ToolCall};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Stands before a conversation that the assistant has begun: the server wants a user first.
const OPENING: &str = "(The conversation begins with a message of the assistant.)";

/// The least thinking that can be asked for.
const LEAST_BUDGET: u32 = 1_024;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<WireMessage<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Thinking {
    Enabled {
        budget_tokens: u32,
    },
    Adaptive {
        /// Newer models leave the text out unless asked.
        display: &'static str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct OutputConfig {
    effort: &'static str,
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

/// The front up to here shall be kept.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum CacheControl {
    Ephemeral,
}

#[derive(Serialize)]
struct WireMessage<'a> {
    role: Role,
    content: Vec<Block<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    User,
    Assistant,
}

#[derive(Serialize)]
struct Block<'a> {
    #[serde(flatten)]
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Content<'a> {
    Text {
        text: Cow<'a, str>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Value,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        content: &'a str,
    },
}

impl<'a> From<Content<'a>> for Block<'a> {
    fn from(content: Content<'a>) -> Self {
        Self {
            content,
            cache_control: None,
        }
    }
}

pub(super) fn encode(request: &ModelRequest) -> Result<Vec<u8>, ProviderError> {
    let traits = ModelTraits::of(&request.model);
    let max_tokens = request.max_output_tokens.unwrap_or(traits.max_tokens);
    let (system, messages) = conversation(&request.messages, traits.thinking);
    let (thinking, output_config) = match request.reasoning {
        Some(effort) => thinking(effort, traits, max_tokens),
        None => (None, None),
    };
    let thinking = thinking.filter(|form| is_possible(*form, &messages));
    let body = Body {
        model: &request.model,
        max_tokens,
        stream: true,
        temperature: request
            .temperature
            .filter(|_| thinking.is_none() && traits.sampling == Sampling::Taken),
        thinking,
        output_config,
        tools: tools(request),
        system,
        messages,
    };
    serde_json::to_vec(&body)
        .map_err(|error| ProviderError::broken(format!("the request is no JSON: {error}")))
}

fn tools(request: &ModelRequest) -> Vec<Tool<'_>> {
    let mut tools: Vec<Tool<'_>> = request
        .tools
        .iter()
        .map(|tool| Tool {
            name: &tool.name,
            description: &tool.description,
            input_schema: &tool.schema,
            cache_control: None,
        })
        .collect();
    if let Some(last) = tools.last_mut() {
        last.cache_control = Some(CacheControl::Ephemeral);
    }
    tools
}

/// What asks for thinking, and how much.
fn thinking(
    effort: Effort,
    traits: ModelTraits,
    max_tokens: u32,
) -> (Option<Thinking>, Option<OutputConfig>) {
    let adaptive = || {
        let thinking = Thinking::Adaptive {
            display: "summarized",
        };
        let effort = traits.word(effort);
        (Some(thinking), Some(OutputConfig { effort }))
    };
    match (traits.thinking, effort) {
        // None of these models thinks unless it is asked to, or else it cannot be forbidden.
        (_, Effort::None) | (ThinkingForm::None, _) => (None, None),
        (ThinkingForm::AdaptiveOrBudget, Effort::Budget(tokens)) => {
            (budget(tokens, max_tokens), None)
        }
        (ThinkingForm::Budget, _) => (budget(tokens_of(effort), max_tokens), None),
        (ThinkingForm::AdaptiveOrBudget | ThinkingForm::Adaptive, _) => adaptive(),
    }
}

const fn tokens_of(effort: Effort) -> u32 {
    match effort {
        Effort::None | Effort::Minimal => LEAST_BUDGET,
        Effort::Low => 2_048,
        Effort::Medium => 8_192,
        Effort::High => 16_384,
        Effort::XHigh => 24_576,
        Effort::Max => u32::MAX,
        Effort::Budget(tokens) => tokens,
    }
}

/// Thinking counts towards the limit of the reply: at least a quarter of it is kept for the words.
fn budget(wanted: u32, max_tokens: u32) -> Option<Thinking> {
    let most = max_tokens - max_tokens / 4;
    let budget_tokens = wanted.max(LEAST_BUDGET).min(most);
    (budget_tokens >= LEAST_BUDGET && budget_tokens < max_tokens)
        .then_some(Thinking::Enabled { budget_tokens })
}

/// With a budget, an answer among tools must begin by thinking. One that another model, or the
/// same without thinking, has begun can only be gone on with in that way.
fn is_possible(form: Thinking, messages: &[WireMessage<'_>]) -> bool {
    let is_result = |block: &Block<'_>| matches!(block.content, Content::ToolResult { .. });
    let [.., called, answered] = messages else {
        return true;
    };
    let among_tools = answered.content.iter().all(is_result);
    let thought = called.content.first().is_some_and(|block| {
        matches!(
            block.content,
            Content::Thinking { .. } | Content::RedactedThinking { .. }
        )
    });
    match form {
        Thinking::Adaptive { .. } => true,
        Thinking::Enabled { .. } => !among_tools || thought,
    }
}

/// The system's blocks and the messages, with the marks of the cache: behind the system, behind
/// the last message before this turn (the turn's own first message holds what no later request
/// repeats), and among tools at the very end, for the next step.
fn conversation(
    all: &[ModelMessage],
    thinking: ThinkingForm,
) -> (Vec<Block<'_>>, Vec<WireMessage<'_>>) {
    let turn_begins = all
        .iter()
        .rposition(|message| matches!(message, ModelMessage::User { .. }));
    let mut system = Vec::new();
    let mut messages = Messages::default();
    for (place, message) in all.iter().enumerate() {
        let is_of_turn = turn_begins.is_none_or(|begin| place >= begin);
        if turn_begins == Some(place) {
            messages.mark();
        }
        match message {
            ModelMessage::System(text) if messages.list.is_empty() => {
                push_text(&mut system, text);
            }
            ModelMessage::System(text) => {
                messages.add(Role::User, |blocks| push_text(blocks, text));
            }
            ModelMessage::User { text, background } => messages.add(Role::User, |blocks| {
                push_text(blocks, background.as_deref().unwrap_or_default());
                push_text(blocks, text);
            }),
            ModelMessage::Assistant {
                text,
                reasoning,
                calls,
            } => {
                if messages.list.is_empty() {
                    messages.add(Role::User, |blocks| push_text(blocks, OPENING));
                }
                let reasoning = if is_of_turn && thinking != ThinkingForm::None {
                    &**reasoning
                } else {
                    &[]
                };
                messages.add(Role::Assistant, |blocks| {
                    Answer::new(text, calls).write(reasoning, blocks);
                });
            }
            ModelMessage::Tool {
                call_id, content, ..
            } => messages.add(Role::User, |blocks| {
                let result = Content::ToolResult {
                    tool_use_id: CallIdRule::Word.fit(call_id),
                    content,
                };
                blocks.push(result.into());
            }),
        }
    }
    if matches!(all.last(), Some(ModelMessage::Tool { .. })) {
        messages.mark();
    }
    mark(&mut system);
    (system, messages.list)
}

/// Messages whose roles alternate.
#[derive(Default)]
struct Messages<'a> {
    list: Vec<WireMessage<'a>>,
}

impl<'a> Messages<'a> {
    /// Adds what `write` gives to the last message, if it is of the same role, else as a new one.
    fn add(&mut self, role: Role, write: impl FnOnce(&mut Vec<Block<'a>>)) {
        if let Some(last) = self.list.last_mut().filter(|last| last.role == role) {
            write(&mut last.content);
            return;
        }
        let mut content = Vec::new();
        write(&mut content);
        if !content.is_empty() {
            self.list.push(WireMessage { role, content });
        }
    }

    fn mark(&mut self) {
        if let Some(last) = self.list.last_mut() {
            mark(&mut last.content);
        }
    }
}

/// Thinking cannot carry a mark.
fn mark(blocks: &mut [Block<'_>]) {
    let last = blocks.iter_mut().rev().find(|block| {
        !matches!(
            block.content,
            Content::Thinking { .. } | Content::RedactedThinking { .. }
        )
    });
    if let Some(block) = last {
        block.cache_control = Some(CacheControl::Ephemeral);
    }
}

/// The server refuses blank texts.
fn push_text<'a>(blocks: &mut Vec<Block<'a>>, text: &'a str) {
    if !text.trim().is_empty() {
        blocks.push(Content::Text { text: text.into() }.into());
    }
}

/// An answer's text and calls, as far as they are not written yet.
struct Answer<'a> {
    text: &'a str,
    calls: &'a [ToolCall],
    written: Place,
}

impl<'a> Answer<'a> {
    fn new(text: &'a str, calls: &'a [ToolCall]) -> Self {
        Self {
            text,
            calls,
            written: Place::default(),
        }
    }

    /// Each thinking goes back to where it stood; without its seal it does not go back at all.
    fn write(mut self, reasoning: &'a [Reasoning], blocks: &mut Vec<Block<'a>>) {
        for piece in reasoning {
            let seal = piece.signature.as_deref().and_then(Seal::read);
            let (place, content) = match seal {
                Some(Seal::Thinking { place, signature }) => {
                    let thinking = piece.text.as_str();
                    (
                        place,
                        Content::Thinking {
                            thinking,
                            signature,
                        },
                    )
                }
                Some(Seal::Redacted { place, data }) => (place, Content::RedactedThinking { data }),
                _ => continue,
            };
            self.write_up_to(place, blocks);
            blocks.push(content.into());
        }
        push_text(blocks, self.text);
        blocks.extend(self.calls.iter().map(tool_use));
    }

    fn write_up_to(&mut self, place: Place, blocks: &mut Vec<Block<'a>>) {
        let characters = place.characters.saturating_sub(self.written.characters);
        let end = self
            .text
            .char_indices()
            .nth(characters)
            .map_or(self.text.len(), |(end, _)| end);
        let (text, rest) = self.text.split_at(end);
        push_text(blocks, text);
        self.text = rest;
        let calls = place
            .calls
            .saturating_sub(self.written.calls)
            .min(self.calls.len());
        let (calls, rest) = self.calls.split_at(calls);
        blocks.extend(calls.iter().map(tool_use));
        self.calls = rest;
        self.written = place;
    }
}

fn tool_use(call: &ToolCall) -> Block<'_> {
    let input = match serde_json::from_str(&call.arguments) {
        Ok(Value::Object(fields)) => Value::Object(fields),
        _ => json!({ "not_an_object": call.arguments }),
    };
    let content = Content::ToolUse {
        id: CallIdRule::Word.fit(&call.id),
        name: tool_name(&call.name),
        input,
    };
    content.into()
}

#[cfg(test)]
mod tests;
