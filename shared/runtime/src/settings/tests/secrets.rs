use super::*;
use secrecy::ExposeSecret as _;

/// Every key that can hold a secret, each holding one.
const SECRETS: [(&str, &str); 11] = [
    ("COPILOT__LLM__API_KEY", "hunter2"),
    ("COPILOT__LLM__HEADERS", "X-Key=hunter2,X-Other=hunter2"),
    ("COPILOT__LLM__BASE_URL", "https://u:hunter2@llm/v1"),
    (
        "COPILOT__CREDENTIALS__KEYS",
        "hunter2-hunter2-hunter2-hunter2-,hunter2-hunter2-hunter2-hunter2-",
    ),
    ("COPILOT__SANDBOX__KIND", "e2b"),
    ("COPILOT__SANDBOX__E2B_API_KEY", "hunter2"),
    ("COPILOT__TRACKING__KIND", "webhook"),
    (
        "COPILOT__TRACKING__URL",
        "https://hooks.example.com/hunter2",
    ),
    (
        "COPILOT__MCP__SERVERS",
        "docs=https://u:hunter2@mcp/?token=hunter2",
    ),
    ("COPILOT__FILES__SCAN_URL", "https://u:hunter2@scan/"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://u:hunter2@otel/"),
];

#[test]
fn secrets_are_never_shown_as_effective_settings() {
    let shown = effective(Program::Api, &distributed(&SECRETS));
    let text = format!("{shown:?}");
    assert!(!text.contains("hunter2"), "{text}");

    let value = |key| line(&shown, key).0.unwrap();
    assert_eq!(value("database.url"), "postgres://u:***@db/copilot");
    assert_eq!(value("llm.api_key"), "***");
    assert_eq!(value("llm.headers"), "X-Key=***, X-Other=***");
    assert_eq!(value("tracking.url"), "https://hooks.example.com/***");
    assert_eq!(line(&shown, "redis.url").1, "env REDIS_URL");
}

#[test]
fn secrets_are_never_shown_by_debug() {
    let environment = distributed(&SECRETS);
    let settings = from_env(Program::Api, &environment).unwrap();
    let text = format!("{settings:?}");
    assert!(!text.contains("hunter2"), "{text}");

    let sources = Sources::new("/nowhere", None, environment);
    assert!(!format!("{sources:?}").contains("hunter2"));
}

#[test]
fn secrets_are_never_shown_by_errors() {
    for (name, value) in [
        ("COPILOT__DATABASE__URL", "mysql://u:hunter2@h/db"),
        ("COPILOT__REDIS__URL", "http://u:hunter2@h"),
        ("COPILOT__RABBITMQ__URL", "amqp:hunter2@h"),
        ("COPILOT__AUTH__JWT_SECRET", "hunter2"),
        ("COPILOT__LLM__API_KEY", "hunter2 hunter2"),
        ("COPILOT__LLM__HEADERS", "hunter2"),
        ("COPILOT__CREDENTIALS__KEYS", "hunter2"),
    ] {
        let text = refused(name, value);
        assert!(!text.contains("hunter2"), "{text}");
    }
    let text = from_file("[llm]\napi_key = 4711").unwrap_err().to_string();
    assert!(
        text.starts_with("llm.api_key: ") && !text.contains("4711"),
        "{text}"
    );
}

#[test]
fn a_secret_may_come_from_a_file() {
    let folder = Folder::new().with("key", "0012\n").with(
        "keys",
        "0123456789012345678901234567890a\n0123456789012345678901234567890b\n",
    );
    let sources = folder.sources(&[
        ("COPILOT__LLM__API_KEY_FILE", "key"),
        (
            "COPILOT__CREDENTIALS__KEYS_FILE",
            folder.0.join("keys").to_str().unwrap(),
        ),
    ]);
    let draft = SettingsDraft::read(Program::Copilot, &sources).unwrap();
    let settings = draft.settings().unwrap();
    assert_eq!(settings.llm.api_key.unwrap().expose_secret(), "0012");
    assert_eq!(settings.credentials.keys.len(), 2);
    let shown = draft.effective();
    assert_eq!(
        line(&shown, "llm.api_key").1,
        "env COPILOT__LLM__API_KEY_FILE"
    );
}

#[test]
fn a_key_that_is_a_file_itself_is_not_read() {
    let settings = copilot(&[("COPILOT__LLM__SYSTEM_PROMPT_FILE", "/missing/persona.md")]);
    assert_eq!(
        settings.llm.system_prompt_file.as_deref(),
        Some(Path::new("/missing/persona.md"))
    );
}

#[test]
fn a_secret_file_that_is_missing_empty_or_doubled_is_named() {
    let text = refused("COPILOT__LLM__API_KEY_FILE", "/missing/key");
    assert!(
        text.starts_with("COPILOT__LLM__API_KEY_FILE: cannot read /missing/key"),
        "{text}"
    );

    let folder = Folder::new().with("empty", "\n").with("key", "k");
    for environment in [
        &[("COPILOT__LLM__API_KEY_FILE", "empty")][..],
        &[
            ("COPILOT__LLM__API_KEY_FILE", "key"),
            ("COPILOT__LLM__API_KEY", "k"),
        ],
    ] {
        let error = Settings::load(Program::Copilot, &folder.sources(environment)).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("COPILOT__LLM__API_KEY_FILE: "), "{text}");
    }
}

#[test]
fn a_value_of_the_environment_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStringExt as _;
    let value = std::ffi::OsString::from_vec(vec![0xff]);
    let sources = Sources::new("/nowhere", None, [("COPILOT__LLM__MODEL", value)]);
    let text = Settings::load(Program::Copilot, &sources)
        .unwrap_err()
        .to_string();
    assert_eq!(text, "COPILOT__LLM__MODEL: its value is no UTF-8");
}
