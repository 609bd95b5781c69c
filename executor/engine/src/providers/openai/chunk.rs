//! `chat.completion.chunk` as servers send it, read with patience.

use copilot_core::turn::Usage;
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
    #[serde(default)]
    pub(super) usage: Option<WireUsage>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    pub(super) delta: Option<WireDelta>,
    #[serde(default)]
    pub(super) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct WireDelta {
    #[serde(default)]
    pub(super) content: Option<Content>,
    #[serde(default)]
    pub(super) refusal: Option<String>,
    #[serde(default)]
    pub(super) reasoning_content: Option<String>,
    /// The same under the name that some gateways give it.
    #[serde(default)]
    pub(super) reasoning: Option<Value>,
    /// `OpenRouter`'s fuller account of it.
    #[serde(default)]
    pub(super) reasoning_details: Option<Vec<Value>>,
    #[serde(default)]
    pub(super) tool_calls: Option<Vec<WireCall>>,
}

/// A string, or a list of typed parts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<Value>),
}

#[derive(Debug, Deserialize)]
pub(super) struct WireCall {
    #[serde(default)]
    pub(super) index: Option<u64>,
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) function: Option<WireFunction>,
    /// What a vendor adds of its own.
    #[serde(default)]
    extra_content: Option<Value>,
}

impl WireCall {
    /// Google's signature over the thinking that led to the call.
    pub(super) fn signature(&self) -> Option<String> {
        let signature = self
            .extra_content
            .as_ref()?
            .pointer("/google/thought_signature")?
            .as_str()?;
        Some(signature.to_owned())
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct WireFunction {
    #[serde(default)]
    pub(super) name: Option<String>,
    /// A fragment of JSON text; from some servers the whole object.
    #[serde(default)]
    pub(super) arguments: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

impl WireUsage {
    /// None if it counts nothing: some servers send empty ones.
    pub(super) fn counted(&self) -> Option<Usage> {
        let (input, output) = (
            self.prompt_tokens.unwrap_or(0),
            self.completion_tokens.unwrap_or(0),
        );
        let cached = self
            .prompt_tokens_details
            .as_ref()
            .and_then(|details| details.cached_tokens);
        let reasoning = self
            .completion_tokens_details
            .as_ref()
            .and_then(|details| details.reasoning_tokens);
        // Gemini and xAI leave the thinking out of `completion_tokens`, but not out of the total.
        let counted = input.saturating_add(output);
        let total = self.total_tokens.unwrap_or(counted).max(counted);
        let left_out = total - counted;
        let usage = Usage {
            input_tokens: input,
            output_tokens: output + left_out,
            cached_input_tokens: cached.or(self.prompt_cache_hit_tokens).unwrap_or(0),
            reasoning_tokens: reasoning.unwrap_or(left_out),
            total_tokens: total,
            estimated: false,
        };
        (usage.total_tokens > 0).then_some(usage)
    }
}

impl Content {
    /// Text and thinking of it.
    pub(super) fn split(self) -> (String, String) {
        let parts = match self {
            Self::Text(text) => return (text, String::new()),
            Self::Parts(parts) => parts,
        };
        let (mut text, mut thinking) = (String::new(), String::new());
        for part in &parts {
            match part.get("type").and_then(Value::as_str) {
                Some("thinking") => thinking.push_str(&text_of(part.get("thinking"))),
                _ => text.push_str(&text_of(part.get("text"))),
            }
        }
        (text, thinking)
    }
}

fn text_of(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().map(|part| text_of(part.get("text"))).collect(),
        _ => String::new(),
    }
}
