//! Messages as a model is given them, free of any provider's form.

use copilot_core::message::{Reasoning, ToolCall};

/// One message of a request. A list of them that leaves the engine is always valid: each call
/// has exactly one result, right behind the message that made it.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelMessage {
    /// The operator speaks.
    System(String),
    /// The person speaks.
    User {
        /// What they wrote; the cue, if the turn began without their words.
        text: String,
        /// What the application adds for this turn alone (date, page). Never stored.
        background: Option<String>,
    },
    /// The copilot spoke.
    Assistant {
        /// The text; may be empty if there are calls.
        text: String,
        /// The thinking, for providers that want it back.
        reasoning: Vec<Reasoning>,
        /// The calls that it made.
        calls: Vec<ToolCall>,
    },
    /// What came out of a call.
    Tool {
        /// The call.
        call_id: String,
        /// The tool.
        name: String,
        /// The result, as the model reads it.
        content: String,
    },
}

impl ModelMessage {
    /// A message of the person without background.
    #[must_use]
    pub fn user(text: impl Into<String>) -> Self {
        Self::User {
            text: text.into(),
            background: None,
        }
    }

    /// The answer to `call`.
    #[must_use]
    pub fn result(call: &ToolCall, content: impl Into<String>) -> Self {
        Self::Tool {
            call_id: call.id.clone(),
            name: call.name.clone(),
            content: content.into(),
        }
    }

    /// How many bytes of text a provider is sent for it; the ground of an estimate.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::System(text) => text.len(),
            Self::User { text, background } => {
                text.len() + background.as_ref().map_or(0, String::len)
            }
            Self::Assistant { text, calls, .. } => {
                text.len()
                    + calls
                        .iter()
                        .map(|call| call.name.len() + call.arguments.len())
                        .sum::<usize>()
            }
            Self::Tool { content, .. } => content.len(),
        }
    }
}
