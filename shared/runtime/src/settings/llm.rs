use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::fault::{Fault, positive, within};
use super::pairs::Pairs;
use super::provider::Provider;
use super::raw::RawLlm;
use super::secret_url::SecretUrl;
use super::value::{FromText, FromValue, one_of};

/// The model and how it is called.
#[derive(Debug, Clone)]
pub struct LlmSettings {
    /// Who answers.
    pub provider: Provider,
    /// Which model, unless the request names another.
    pub model: String,
    /// The server's address, its path with a slash at the end; none: the provider's own.
    pub base_url: Option<SecretUrl>,
    /// There, unless the provider needs none or another server is named.
    pub api_key: Option<SecretString>,
    /// Makes titles; none: no model does.
    pub title_model: Option<String>,
    /// What a request may ask for, beside `model`.
    pub models: Vec<String>,
    /// Tried in order when the first one fails.
    pub fallback_models: Vec<String>,
    /// The operator's persona; read by who builds prompts.
    pub system_prompt_file: Option<PathBuf>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// Limit of one reply.
    pub max_output_tokens: Option<u32>,
    /// How much the model thinks before it answers.
    pub reasoning: Option<Reasoning>,
    /// Extra request headers, fit to be sent.
    pub headers: Vec<(String, SecretString)>,
    /// Before the first visible chunk of a step.
    pub max_retries: u32,
    /// How long a model may be silent.
    pub idle_timeout: Duration,
}

/// How much a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reasoning {
    /// Not at all.
    None,
    /// Older GPT-5 models.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// Very much.
    XHigh,
    /// As much as it can.
    Max,
    /// So many tokens.
    Budget(u32),
}

impl FromValue for Reasoning {
    fn from_value(value: &config::ValueKind) -> Result<Self, String> {
        if let Ok(tokens) = u32::from_value(value) {
            return Ok(Self::Budget(tokens));
        }
        one_of(
            &String::from_value(value)?,
            &[
                ("none", Self::None),
                ("minimal", Self::Minimal),
                ("low", Self::Low),
                ("medium", Self::Medium),
                ("high", Self::High),
                ("xhigh", Self::XHigh),
                ("max", Self::Max),
            ],
        )
        .map_err(|problem| format!("{problem} (or a number of tokens)"))
    }
}

impl fmt::Display for Reasoning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Minimal => f.write_str("minimal"),
            Self::Low => f.write_str("low"),
            Self::Medium => f.write_str("medium"),
            Self::High => f.write_str("high"),
            Self::XHigh => f.write_str("xhigh"),
            Self::Max => f.write_str("max"),
            Self::Budget(tokens) => tokens.fmt(f),
        }
    }
}

impl LlmSettings {
    pub(super) fn checked(raw: RawLlm) -> Result<Self, Fault> {
        let provider = raw.provider;
        if provider.needs_key() && raw.api_key.is_none() && raw.base_url.is_none() {
            return Err(Fault::new(
                "llm.api_key",
                format!(
                    "needed by llm.provider={provider} (or llm.base_url, if your server wants no key)"
                ),
            ));
        }
        if raw.model.is_empty() {
            return Err(Fault::new("llm.model", "expected a name, got nothing"));
        }
        Ok(Self {
            provider,
            model: raw.model,
            base_url: raw.base_url.map(with_slash).transpose()?,
            api_key: raw.api_key.as_ref().map(header_text).transpose()?,
            title_model: raw.title_model,
            models: raw.models,
            fallback_models: raw.fallback_models,
            system_prompt_file: raw.system_prompt_file,
            temperature: raw
                .temperature
                .map(|value| within("llm.temperature", value, 0.0..=2.0))
                .transpose()?,
            max_output_tokens: raw
                .max_output_tokens
                .map(|value| within("llm.max_output_tokens", value, 1..=10_000_000))
                .transpose()?,
            reasoning: raw.reasoning,
            headers: headers(raw.headers)?,
            max_retries: within("llm.max_retries", raw.max_retries, 0..=20)?,
            idle_timeout: positive("llm.idle_timeout_seconds", raw.idle_timeout_seconds)?,
        })
    }

    /// Whether a request may ask for this model.
    #[must_use]
    pub fn offers(&self, model: &str) -> bool {
        self.model == model || self.models.iter().any(|offered| offered == model)
    }
}

/// The client joins paths, and without the slash the last part would be lost.
fn with_slash(url: SecretUrl) -> Result<SecretUrl, Fault> {
    let text = url.expose();
    if text.contains(['?', '#']) {
        return Err(Fault::new(
            "llm.base_url",
            "expected a URL without query and fragment",
        ));
    }
    if text.ends_with('/') {
        return Ok(url);
    }
    SecretUrl::from_text(&format!("{text}/")).map_err(|problem| Fault::new("llm.base_url", problem))
}

/// A key goes into a header; a stray newline there would fail each call with a dark message.
fn header_text(key: &SecretString) -> Result<SecretString, Fault> {
    let text = key.expose_secret().trim();
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Fault::new(
            "llm.api_key",
            "expected visible ASCII characters only (not shown)",
        ));
    }
    Ok(text.into())
}

fn headers(pairs: Pairs) -> Result<Vec<(String, SecretString)>, Fault> {
    for (name, value) in &pairs.0 {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if !name.chars().all(token) {
            return Err(Fault::new(
                "llm.headers",
                format!("{name:?} is no name of a header"),
            ));
        }
        if value.expose_secret().chars().any(char::is_control) {
            return Err(Fault::new(
                "llm.headers",
                format!("the value of {name} holds a control character (not shown)"),
            ));
        }
    }
    Ok(pairs.0)
}
