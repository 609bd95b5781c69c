use std::fmt;

use super::value::{FromText, one_of};

macro_rules! providers {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $model:literal;)*) => {
        /// Who answers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Provider {
            $($(#[$doc])* $variant,)*
        }

        impl Provider {
            /// Each of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word in the settings.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The model when none is named.
            #[must_use]
            pub fn default_model(self) -> &'static str {
                match self { $(Self::$variant => $model,)* }
            }
        }

        impl FromText for Provider {
            fn from_text(text: &str) -> Result<Self, String> {
                one_of(text, &[$(($name, Self::$variant),)*])
            }
        }
    };
}

providers! {
    /// Offline and deterministic; no LLM.
    Builtin, "builtin", "builtin";
    /// Any server that speaks `OpenAI`'s chat completions API.
    OpenAi, "openai", "gpt-5.4-mini";
    /// Anthropic's messages API.
    Anthropic, "anthropic", "claude-sonnet-4-6";
    /// Google Gemini.
    Gemini, "gemini", "gemini-3.5-flash";
    /// A local Ollama.
    Ollama, "ollama", "gemma4:e2b";
    /// Groq.
    Groq, "groq", "openai/gpt-oss-120b";
    /// `DeepSeek`.
    DeepSeek, "deepseek", "deepseek-flash";
    /// xAI.
    Xai, "xai", "grok-4.7";
    /// Mistral.
    Mistral, "mistral", "ministral-14b-2512";
    /// Together AI.
    Together, "together", "openai/gpt-oss-120b";
    /// Fireworks AI.
    Fireworks, "fireworks", "accounts/fireworks/models/gpt-oss-120b";
    /// Cohere.
    Cohere, "cohere", "command-r7b-12-2024";
    /// Z.ai.
    Zai, "zai", "glm-5.2";
    /// `OpenRouter`, a gateway to many.
    OpenRouter, "open_router", "openai/gpt-4.1-mini";
}

impl Provider {
    /// Whether it is of no use without a key (unless another server is named).
    #[must_use]
    pub fn needs_key(self) -> bool {
        !matches!(self, Self::Builtin | Self::Ollama)
    }

    /// Whose key it is, by its looks. Compatible servers choose their own, so the rest is `OpenAI`'s.
    pub(super) fn of_key(key: &str) -> Self {
        match key.trim() {
            key if key.starts_with("sk-ant-") => Self::Anthropic,
            key if key.starts_with("AIza") => Self::Gemini,
            _ => Self::OpenAi,
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
