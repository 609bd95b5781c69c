//! Variables that other programs know too; they stand in where file and `COPILOT__…` say nothing.

use super::error::SettingsError;
use super::layer::{Layer, Layers};
use super::origin::Origin;
use super::provider::Provider;
use super::sources::Environment;
use super::value::FromText as _;

const KEYS: [(&str, &str); 5] = [
    ("DATABASE_URL", "database.url"),
    ("REDIS_URL", "redis.url"),
    ("AMQP_URL", "rabbitmq.url"),
    ("RUST_LOG", "log.level"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.otlp_endpoint"),
];

/// Those that stand for one key, whatever the others say.
pub(super) fn well_known(environment: &Environment) -> Result<Layer, SettingsError> {
    let mut layer = Layer::default();
    for (name, key) in KEYS {
        copy(environment, name, key, &mut layer)?;
    }
    Ok(layer)
}

/// Who answers, with which model and which key: a key chooses the provider, and a provider takes only its own.
pub(super) fn llm(environment: &Environment, layers: &Layers) -> Result<Layer, SettingsError> {
    let mut layer = Layer::default();
    let provider = match (layers.text("llm.provider"), layers.text("llm.api_key")) {
        // A wrong word is refused when the key itself is read.
        (Some(named), _) => match Provider::from_text(named) {
            Ok(provider) => provider,
            Err(_) => return Ok(layer),
        },
        (None, Some(key)) => Provider::of_key(key),
        (None, None) if environment.filled("OPENAI_API_KEY")?.is_some() => Provider::OpenAi,
        (None, None) if environment.filled("ANTHROPIC_API_KEY")?.is_some() => Provider::Anthropic,
        (None, None) => Provider::Builtin,
    };
    layer.set("llm.provider", provider.name(), Origin::Default);
    layer.set("llm.model", provider.default_model(), Origin::Default);
    match provider {
        Provider::OpenAi => {
            copy(environment, "OPENAI_API_KEY", "llm.api_key", &mut layer)?;
            copy(environment, "OPENAI_BASE_URL", "llm.base_url", &mut layer)?;
        }
        Provider::Anthropic => copy(environment, "ANTHROPIC_API_KEY", "llm.api_key", &mut layer)?,
        _ => {}
    }
    Ok(layer)
}

fn copy(
    environment: &Environment,
    name: &str,
    key: &str,
    layer: &mut Layer,
) -> Result<(), SettingsError> {
    if let Some(value) = environment.filled(name)? {
        layer.set(key, value, Origin::Env(name.to_owned()));
    }
    Ok(())
}
