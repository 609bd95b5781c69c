//! From the settings of the model to the provider that asks it.

use copilot_engine::{
    Effort, Provider as ModelProvider,
    providers::{
        AnthropicProvider, BuiltinProvider, Dialect, OpenAiProvider, ServerConfig,
        ServerSetupError, anthropic::ANTHROPIC_URL,
    },
};
use copilot_runtime::settings::{LlmSettings, Provider, Reasoning};
use secrecy::ExposeSecret as _;
use std::{sync::Arc, time::Duration};

/// The built-in provider's pause after each word: as fast as one reads along.
const WORD_PAUSE: Duration = Duration::from_millis(10);

/// Settings that the provider cannot work with.
#[derive(Debug, thiserror::Error)]
pub enum ProviderSetupError {
    /// Address, key or headers.
    #[error(transparent)]
    Server(#[from] ServerSetupError),
    /// A budget where only words are known.
    #[error("llm.reasoning: {0} takes a word (low, medium, high, …), not a number of tokens")]
    Budget(&'static str),
    /// A temperature that other vendors know.
    #[error("llm.temperature: anthropic takes 0 to 1, not {0}")]
    Temperature(f64),
}

/// The provider that `llm` names. Nothing is sent yet.
pub(crate) fn model_provider(
    llm: &LlmSettings,
) -> Result<Arc<dyn ModelProvider>, ProviderSetupError> {
    let dialect = match protocol(llm.provider) {
        Protocol::Builtin => return Ok(Arc::new(BuiltinProvider::new(WORD_PAUSE))),
        Protocol::Anthropic => return anthropic(llm),
        Protocol::OpenAi(dialect) => dialect,
    };
    if matches!(llm.reasoning, Some(Reasoning::Budget(_))) && !dialect.takes_budget() {
        return Err(ProviderSetupError::Budget(dialect.name));
    }
    let config = server(llm, dialect.base_url);
    Ok(Arc::new(OpenAiProvider::new(&config, dialect)?))
}

/// How a provider is asked.
enum Protocol {
    Builtin,
    Anthropic,
    OpenAi(Dialect),
}

const fn protocol(provider: Provider) -> Protocol {
    let dialect = match provider {
        Provider::Builtin => return Protocol::Builtin,
        Provider::Anthropic => return Protocol::Anthropic,
        Provider::OpenAi => Dialect::OPENAI,
        Provider::Gemini => Dialect::GEMINI,
        Provider::Ollama => Dialect::OLLAMA,
        Provider::Groq => Dialect::GROQ,
        Provider::DeepSeek => Dialect::DEEPSEEK,
        Provider::Xai => Dialect::XAI,
        Provider::Mistral => Dialect::MISTRAL,
        Provider::Together => Dialect::TOGETHER,
        Provider::Fireworks => Dialect::FIREWORKS,
        Provider::Cohere => Dialect::COHERE,
        Provider::Zai => Dialect::ZAI,
        Provider::OpenRouter => Dialect::OPEN_ROUTER,
    };
    Protocol::OpenAi(dialect)
}

/// The server that lists what models there are, and how it wants its key.
pub(crate) fn model_server(llm: &LlmSettings) -> Option<(ServerConfig, KeyForm)> {
    match protocol(llm.provider) {
        Protocol::Builtin => None,
        Protocol::Anthropic => Some((server(llm, ANTHROPIC_URL), KeyForm::Anthropic)),
        Protocol::OpenAi(dialect) => Some((server(llm, dialect.base_url), KeyForm::Bearer)),
    }
}

/// How a server wants its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// `authorization: Bearer …`.
    Bearer,
    /// A header of its own, beside the version of the protocol.
    Anthropic,
}

/// How hard its models shall think.
#[must_use]
pub(crate) fn effort(llm: &LlmSettings) -> Option<Effort> {
    llm.reasoning.map(|reasoning| match reasoning {
        Reasoning::None => Effort::None,
        Reasoning::Minimal => Effort::Minimal,
        Reasoning::Low => Effort::Low,
        Reasoning::Medium => Effort::Medium,
        Reasoning::High => Effort::High,
        Reasoning::XHigh => Effort::XHigh,
        Reasoning::Max => Effort::Max,
        Reasoning::Budget(tokens) => Effort::Budget(tokens),
    })
}

fn anthropic(llm: &LlmSettings) -> Result<Arc<dyn ModelProvider>, ProviderSetupError> {
    if let Some(temperature) = llm.temperature.filter(|value| *value > 1.0) {
        return Err(ProviderSetupError::Temperature(temperature));
    }
    let config = server(llm, ANTHROPIC_URL);
    Ok(Arc::new(AnthropicProvider::new(&config)?))
}

fn server(llm: &LlmSettings, vendors: &str) -> ServerConfig {
    let base_url = llm.base_url.as_ref().map_or(vendors, |url| url.expose());
    let headers = llm.headers.iter();
    ServerConfig {
        base_url: base_url.to_owned(),
        api_key: llm.api_key.clone(),
        headers: headers
            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the docs say of a provider and what the program does cannot drift apart.
    #[test]
    fn the_docs_name_each_provider_with_its_model_and_address() {
        let docs = include_str!("../../docs/models.md");
        for provider in Provider::ALL {
            let address = match protocol(*provider) {
                Protocol::Builtin => "none, offline".to_owned(),
                Protocol::Anthropic => format!("`{ANTHROPIC_URL}`"),
                Protocol::OpenAi(dialect) => {
                    assert_eq!(dialect.name, provider.name());
                    format!("`{}`", dialect.base_url)
                }
            };
            let (name, model) = (provider.name(), provider.default_model());
            let row = format!("| `{name}` | `{model}` | {address} |");
            assert!(docs.contains(&row), "no row {row}");
        }
        let settings = include_str!("../../config/default.toml");
        let readme = include_str!("../../README.md");
        for provider in Provider::ALL {
            for page in [settings, readme] {
                let (name, model) = (provider.name(), provider.default_model());
                assert!(page.contains(name), "no {name}");
                assert!(page.contains(model), "no {model}");
            }
        }
    }
}
