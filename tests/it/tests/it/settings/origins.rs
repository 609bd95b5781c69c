//! Where a value came from: `copilot config`.

use std::fs;

use copilot_harness::Copilot;
use serde_json::{Value, json};

use crate::start_up::{refusal, said};

async fn config(copilot: &Copilot, arguments: &[&str]) -> Value {
    let output = copilot
        .run(&[arguments, &["config", "--json"]].concat())
        .await;
    let (stdout, stderr) = said(&output);
    assert!(output.status.success(), "{stderr}");
    assert!(!stdout.contains("hunter2"), "{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

fn shown(value: impl Into<Value>, origin: &str) -> Value {
    json!({"value": value.into(), "origin": origin})
}

#[tokio::test]
async fn each_place_is_told_and_the_stronger_one_wins() {
    let copilot = Copilot::new()
        .env("COPILOT__TURN__MAX_STEPS", "8")
        .env("RUST_LOG", "debug")
        .without_env("COPILOT__DATABASE__URL")
        .env("DATABASE_URL", "sqlite://known.db?mode=rwc")
        .env("COPILOT__LLM__API_KEY_FILE", "key");
    let folder = copilot.directory();
    fs::write(folder.join("key"), "hunter2\n").unwrap();
    let file = "[turn]\nmax_steps = 7\nmax_attempts = 9\n[log]\nlevel = \"warn\"\n";
    fs::write(folder.join("copilot.toml"), file).unwrap();
    fs::write(folder.join("other.toml"), "[turn]\nmax_attempts = 4\n").unwrap();

    let usual = config(&copilot, &[]).await;
    let named = config(&copilot, &["--config", "other.toml"]).await;

    assert_eq!(usual["turn.timeout_seconds"], shown("3600", "default"));
    assert_eq!(usual["turn.max_attempts"], shown("9", "file copilot.toml"));
    assert_eq!(
        usual["turn.max_steps"],
        shown("8", "env COPILOT__TURN__MAX_STEPS")
    );
    assert_eq!(usual["log.level"], shown("warn", "file copilot.toml"));
    assert_eq!(
        usual["database.url"],
        shown("sqlite://known.db?mode=rwc", "env DATABASE_URL")
    );
    assert_eq!(
        usual["llm.api_key"],
        shown("***", "env COPILOT__LLM__API_KEY_FILE")
    );
    assert_eq!(usual["auth.issuer"], shown(Value::Null, "default"));
    assert_eq!(named["turn.max_attempts"], shown("4", "file other.toml"));
    assert_eq!(named["log.level"], shown("debug", "env RUST_LOG"));
}

#[tokio::test]
async fn well_known_variables_stand_in_and_give_way() {
    for (name, key, known, own) in [
        (
            "DATABASE_URL",
            "database.url",
            "sqlite://a.db",
            "sqlite://b.db",
        ),
        ("REDIS_URL", "redis.url", "redis://a:6379", "redis://b:6379"),
        ("AMQP_URL", "rabbitmq.url", "amqp://a/", "amqp://b/"),
        ("RUST_LOG", "log.level", "debug", "warn"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "telemetry.otlp_endpoint",
            "http://a:4318",
            "http://b:4318",
        ),
        (
            "OPENAI_BASE_URL",
            "llm.base_url",
            "http://a/v1",
            "http://b/v1",
        ),
    ] {
        let variable = super::keys::variable(key);
        let copilot = Copilot::new()
            .without_env(&variable)
            .env("OPENAI_API_KEY", "hunter2")
            .env(name, known);
        let alone = config(&copilot, &[]).await;
        let both = config(&copilot.env(&variable, own), &[]).await;

        assert_eq!(alone[key], shown(known, &format!("env {name}")));
        assert_eq!(both[key], shown(own, &format!("env {variable}")));
    }
}

#[tokio::test]
async fn a_key_chooses_its_provider() {
    for (settings, provider, origin) in [
        (&[][..], "builtin", "default"),
        (
            &[("OPENAI_API_KEY", "hunter2")],
            "openai",
            "env OPENAI_API_KEY",
        ),
        (
            &[("ANTHROPIC_API_KEY", "hunter2")],
            "anthropic",
            "env ANTHROPIC_API_KEY",
        ),
        (
            &[
                ("ANTHROPIC_API_KEY", "hunter2"),
                ("OPENAI_API_KEY", "hunter2"),
            ],
            "openai",
            "env OPENAI_API_KEY",
        ),
        (
            &[
                ("OPENAI_API_KEY", "hunter2"),
                ("COPILOT__LLM__PROVIDER", "builtin"),
            ],
            "builtin",
            "default",
        ),
        (
            &[
                ("OPENAI_API_KEY", "a"),
                ("COPILOT__LLM__API_KEY", "hunter2"),
            ],
            "openai",
            "env COPILOT__LLM__API_KEY",
        ),
        // Without a key the address alone chooses nobody.
        (&[("OPENAI_BASE_URL", "http://a/v1")], "builtin", "default"),
    ] {
        let mut copilot = Copilot::new();
        for (name, value) in settings {
            copilot.set(name, *value);
        }
        let config = config(&copilot, &[]).await;

        assert_eq!(config["llm.provider"]["value"], provider, "{settings:?}");
        assert_eq!(config["llm.api_key"]["origin"], origin, "{settings:?}");
    }
}

#[tokio::test]
async fn secrets_are_hidden_also_inside_of_addresses() {
    let copilot = Copilot::new()
        .env(
            "COPILOT__DATABASE__URL",
            "postgres://u:hunter2@h/db?password=hunter2",
        )
        .env("REDIS_URL", "rediss://:hunter2@r:6379")
        .env("AMQP_URL", "amqp://u:hunter2@r/%2f")
        .env("COPILOT__AUTH__MODE", "jwt")
        .env(
            "COPILOT__AUTH__JWT_SECRET",
            "hunter2-hunter2-hunter2-hunter2-",
        )
        .env("COPILOT__LLM__BASE_URL", "https://u:hunter2@h/v1")
        .env("COPILOT__LLM__API_KEY", "hunter2")
        .env("COPILOT__LLM__HEADERS", "X-Key=hunter2")
        .env(
            "COPILOT__CREDENTIALS__KEYS",
            "hunter2-hunter2-hunter2-hunter2-",
        )
        .env("COPILOT__TRACKING__KIND", "webhook")
        .env(
            "COPILOT__TRACKING__URL",
            "https://hooks.example.com/hunter2",
        )
        .env(
            "COPILOT__MCP__SERVERS",
            "docs=https://u:hunter2@m/?token=hunter2",
        )
        .env("COPILOT__FILES__SCAN_URL", "https://u:hunter2@s/")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://u:hunter2@o/")
        .env("COPILOT__SANDBOX__KIND", "e2b")
        .env("COPILOT__SANDBOX__E2B_API_KEY", "hunter2");

    let shown = config(&copilot, &[]).await;
    let (text, _) = said(&copilot.run(&["config"]).await);

    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(shown["rabbitmq.url"]["value"], "amqp://u:***@r/%2f");
    assert_eq!(shown["llm.headers"]["value"], "X-Key=***");
    assert_eq!(
        shown["tracking.url"]["value"],
        "https://hooks.example.com/***"
    );
    assert_eq!(text.lines().count(), shown.as_object().unwrap().len());
}

#[tokio::test]
async fn wrong_settings_are_not_shown_but_told() {
    let copilot = Copilot::new().env("COPILOT__TURN__MAX_STEPS", "0");

    for arguments in [&["config"][..], &["config", "--json"]] {
        let line = refusal(&copilot.run(arguments).await);
        assert!(line.starts_with("copilot: turn.max_steps: "), "{line}");
    }
}
