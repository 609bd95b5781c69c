//! How each vendor's form of chat completions differs from OpenAI's. What the vendors write about
//! their compatible addresses; none of it was tried against the real services.

use crate::providers::call_id_rule::CallIdRule;

/// One vendor's form.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// The vendor, as settings and logs name it.
    pub name: &'static str,
    /// Where it is unless a setting says otherwise.
    pub base_url: &'static str,
    pub(super) limit: LimitName,
    pub(super) usage: UsageInStream,
    pub(super) effort: EffortForm,
    pub(super) call_ids: CallIdRule,
    pub(super) after_tool: AfterTool,
    pub(super) schemas: SchemaForm,
}

/// What the limit of a reply is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitName {
    /// `max_tokens`, but for OpenAI's own reasoners, which refuse it also behind a gateway.
    ByModel,
    /// `max_tokens`, whatever the model.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// How a stream comes to end with its usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsageInStream {
    /// By `stream_options`.
    OnRequest,
    /// It always does, and `stream_options` is refused.
    Always,
}

/// How the effort is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EffortForm {
    /// `reasoning_effort`.
    Word,
    /// The same; a budget in Google's own field.
    Google,
    /// `thinking.type` on or off, and `reasoning_effort` for how much.
    SwitchAndWord,
    /// `thinking.type` alone.
    Switch,
    /// An object `reasoning` with effort or budget.
    Object,
}

/// What may follow a tool's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterTool {
    /// Anybody's message.
    Anybody,
    /// The assistant's alone.
    Assistant,
}

/// Which schemas of tools are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SchemaForm {
    /// JSON schemas.
    Full,
    /// The few words that Google knows.
    Plain,
}

impl Dialect {
    /// OpenAI itself, and any compatible server that has no entry of its own.
    pub const OPENAI: Self = Self {
        name: "openai",
        base_url: "https://api.openai.com/v1/",
        limit: LimitName::ByModel,
        usage: UsageInStream::OnRequest,
        effort: EffortForm::Word,
        call_ids: CallIdRule::Any,
        after_tool: AfterTool::Anybody,
        schemas: SchemaForm::Full,
    };

    /// Google Gemini. Its thought signatures come and go in `extra_content` of the calls.
    pub const GEMINI: Self = Self {
        name: "gemini",
        base_url: "https://generativelanguage.googleapis.com/v1beta/openai/",
        limit: LimitName::MaxTokens,
        effort: EffortForm::Google,
        schemas: SchemaForm::Plain,
        ..Self::OPENAI
    };

    /// A local Ollama.
    pub const OLLAMA: Self = Self {
        name: "ollama",
        base_url: "http://127.0.0.1:11434/v1/",
        limit: LimitName::MaxTokens,
        ..Self::OPENAI
    };

    /// Groq.
    pub const GROQ: Self = Self {
        name: "groq",
        base_url: "https://api.groq.com/openai/v1/",
        limit: LimitName::MaxCompletionTokens,
        ..Self::OPENAI
    };

    /// `DeepSeek`.
    pub const DEEPSEEK: Self = Self {
        name: "deepseek",
        base_url: "https://api.deepseek.com/v1/",
        limit: LimitName::MaxTokens,
        effort: EffortForm::SwitchAndWord,
        ..Self::OPENAI
    };

    /// xAI.
    pub const XAI: Self = Self {
        name: "xai",
        base_url: "https://api.x.ai/v1/",
        limit: LimitName::MaxCompletionTokens,
        ..Self::OPENAI
    };

    /// Mistral. Refuses every field that it does not know, ids of any other length, and a user's
    /// word right after a tool's.
    pub const MISTRAL: Self = Self {
        name: "mistral",
        base_url: "https://api.mistral.ai/v1/",
        limit: LimitName::MaxTokens,
        usage: UsageInStream::Always,
        call_ids: CallIdRule::Nine,
        after_tool: AfterTool::Assistant,
        ..Self::OPENAI
    };

    /// Together AI.
    pub const TOGETHER: Self = Self {
        name: "together",
        base_url: "https://api.together.xyz/v1/",
        limit: LimitName::MaxTokens,
        ..Self::OPENAI
    };

    /// Fireworks AI.
    pub const FIREWORKS: Self = Self {
        name: "fireworks",
        base_url: "https://api.fireworks.ai/inference/v1/",
        limit: LimitName::MaxTokens,
        ..Self::OPENAI
    };

    /// Cohere. Refuses `stream_options`.
    pub const COHERE: Self = Self {
        name: "cohere",
        base_url: "https://api.cohere.ai/compatibility/v1/",
        limit: LimitName::MaxTokens,
        usage: UsageInStream::Always,
        ..Self::OPENAI
    };

    /// Z.ai.
    pub const ZAI: Self = Self {
        name: "zai",
        base_url: "https://api.z.ai/api/paas/v4/",
        limit: LimitName::MaxTokens,
        effort: EffortForm::Switch,
        ..Self::OPENAI
    };

    /// `OpenRouter`.
    pub const OPEN_ROUTER: Self = Self {
        name: "open_router",
        base_url: "https://openrouter.ai/api/v1/",
        limit: LimitName::MaxTokens,
        effort: EffortForm::Object,
        ..Self::OPENAI
    };

    /// OpenAI's own server wants the limit's new name for each model.
    pub(super) fn of_openai_itself(self) -> Self {
        Self {
            limit: LimitName::MaxCompletionTokens,
            ..self
        }
    }

    /// Whether thinking can be bounded by a number of tokens.
    #[must_use]
    pub const fn takes_budget(&self) -> bool {
        matches!(self.effort, EffortForm::Google | EffortForm::Object)
    }
}
