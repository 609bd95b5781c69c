//! A wrong setting stops the start with one line that names it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Output;

use copilot_harness::Copilot;
use futures::{StreamExt as _, stream};

use super::keys::{keys, variable};
use crate::start_up::refusal;

/// What starts at a time: the machine has few processors.
const AT_ONCE: usize = 4;

/// Wrong texts of each key that does not take any text.
const WRONG: &[(&str, &[&str])] = &[
    (
        "server.listen",
        &[
            "8006",
            "localhost:8006",
            "127.0.0.1",
            "127.0.0.1:65536",
            "nowhere",
        ],
    ),
    ("server.base_path", &["copilot", "/a b", "/a?b", "//a"]),
    (
        "server.public_url",
        &[
            "copilot.example.com",
            "ftp://a",
            "https://u:hunter2@a/",
            "https://a/?q=1",
        ],
    ),
    (
        "server.cors_origins",
        &[
            "*",
            "https://a/b",
            "app.example.com",
            "https://*.example.com",
        ],
    ),
    ("server.allowed_hosts", &["http://a", "a/b", "u@h"]),
    (
        "server.trusted_proxies",
        &["proxy", "10.0.0.0/40", "10.0.0.0/", "::/129"],
    ),
    (
        "server.max_body_bytes",
        &["0", "4MB", "-1", "1.5", "1000000001"],
    ),
    (
        "server.shutdown_delay_seconds",
        &["-1", "5s", "NaN", "1e300", "soon"],
    ),
    ("server.drain_timeout_seconds", &["-1", "5s", "inf"]),
    (
        "database.url",
        &[
            "mysql://u:hunter2@h/db",
            "copilot.db",
            "postgres//h",
            "file:///x.db",
        ],
    ),
    ("database.max_connections", &["0", "-1", "many", "10001"]),
    ("database.migrate_on_start", &["maybe", "2"]),
    (
        "redis.url",
        &[
            "http://u:hunter2@h",
            "redis://",
            "h:6379",
            "redis+cluster://a,,b",
        ],
    ),
    ("redis.prefix", &["a:b", "{a}", "a b"]),
    ("rabbitmq.url", &["http://h", "amqp:hunter2@h", "h:5672"]),
    ("rabbitmq.prefix", &["a b", "a/b"]),
    ("auth.mode", &["none", "jwt,local"]),
    ("auth.allow_insecure", &["maybe", "si"]),
    ("auth.jwt_secret", &["hunter2"]),
    (
        "auth.jwks_url",
        &["file:///etc/passwd", "id.example.com", "https://"],
    ),
    ("auth.allow_anonymous", &["maybe"]),
    ("llm.provider", &["skynet", "open ai"]),
    (
        "llm.base_url",
        &["localhost:11434", "ftp://h", "https://h/v1?key=hunter2"],
    ),
    ("llm.api_key", &["hunter2 hunter2", "hunter2\u{e9}"]),
    ("llm.system_prompt_file", &["/missing/persona.md", "/"]),
    ("llm.temperature", &["2.1", "-1", "hot", "NaN"]),
    ("llm.max_output_tokens", &["0", "all", "-1", "10000001"]),
    ("llm.reasoning", &["a lot", "-1", "1.5"]),
    ("llm.headers", &["hunter2", "a b=c", "=hunter2", "A=1,A=2"]),
    ("llm.max_retries", &["21", "-1", "often"]),
    ("llm.idle_timeout_seconds", &["0", "-1", "2m"]),
    ("turn.max_steps", &["0", "1001", "1.5", "many"]),
    ("turn.timeout_seconds", &["0", "-1", "1h"]),
    ("turn.max_attempts", &["0", "101", "x"]),
    ("turn.max_running_per_user", &["0", "100001", "x"]),
    ("turn.max_in_flight_per_user", &["0", "4", "x"]),
    ("executor.concurrency", &["0", "65536", "-1"]),
    ("executor.heartbeat_seconds", &["0", "-1", "x"]),
    ("executor.lease_seconds", &["4", "1", "x"]),
    ("executor.drain_timeout_seconds", &["-1", "x"]),
    ("stream.ttl_seconds", &["0", "-1", "x"]),
    ("stream.heartbeat_seconds", &["0", "-1", "x"]),
    ("stream.profile", &["v4", "5", "v5,v6"]),
    ("stream.connection_seconds", &["-1", "x"]),
    ("metrics.listen", &["on", "9006", "127.0.0.1"]),
    ("log.format", &["xml", "JSONL"]),
    ("log.level", &["inof", "info,[", "copilot=loud"]),
    ("log.slow_turn_seconds", &["-1", "x"]),
    ("telemetry.otlp_endpoint", &["localhost", "grpc://h"]),
    ("tracking.kind", &["cookies"]),
    ("tracking.url", &["hooks", "ftp://h/hunter2"]),
    ("files.url", &["/var/lib/files", "ftp://h"]),
    ("files.max_file_bytes", &["0", "-1", "1GB"]),
    ("files.max_workspace_bytes", &["99999999", "x"]),
    ("files.shared", &["2", "x"]),
    ("files.scan_url", &["h:3310", "tcp://h"]),
    (
        "credentials.keys",
        &["hunter2", "0123456789012345678901234567890123,hunter2"],
    ),
    ("retention.session_days", &["0", "-1", "36501", "1.5"]),
    ("docs.paths", &["/missing/folder"]),
    ("tools.disabled", &["a tool", "a/b"]),
    ("tools.require_approval", &["a tool"]),
    ("mcp.servers", &["docs", "docs=ftp://a", "a b=https://h"]),
    (
        "net.allowed_private_hosts",
        &["localhost", "h:0", "h:port", "http://h:1"],
    ),
    ("sandbox.kind", &["chroot", "bubblewrap,e2b"]),
    ("sandbox.e2b_url", &["h", "ftp://h"]),
];

/// Texts as the operator likes.
const ANY_TEXT: &[&str] = &[
    "database.tls_ca_file",
    "redis.tls_ca_file",
    "rabbitmq.tls_ca_file",
    "auth.issuer",
    "auth.audience",
    "llm.model",
    "llm.title_model",
    "llm.models",
    "llm.fallback_models",
];

/// Keys that are refused alone, whatever their value, with the key that is then missing.
const ALONE: &[(&str, &str, &str)] = &[
    ("database.tls_cert_file", "/c.pem", "database.tls_key_file"),
    ("database.tls_key_file", "/c.key", "database.tls_cert_file"),
    ("redis.tls_cert_file", "/c.pem", "redis.tls_key_file"),
    ("redis.tls_key_file", "/c.key", "redis.tls_cert_file"),
    ("rabbitmq.tls_cert_file", "/c.pem", "rabbitmq.tls_key_file"),
    ("rabbitmq.tls_key_file", "/c.key", "rabbitmq.tls_cert_file"),
    ("tracking.kind", "webhook", "tracking.url"),
    ("sandbox.kind", "e2b", "sandbox.e2b_api_key"),
    ("auth.mode", "jwt", "auth.jwt_secret"),
    ("llm.provider", "openai", "llm.api_key"),
    ("llm.provider", "anthropic", "llm.api_key"),
];

/// Keys without a wrong text of their own: any text, or wrong only alone.
const SECRETS_OF_ANY_FORM: &[&str] = &["sandbox.e2b_api_key"];

/// Start each `copilot` and give what it says, with what it was told.
async fn started(cases: impl IntoIterator<Item = (String, Copilot)>) -> Vec<(String, Output)> {
    stream::iter(cases)
        .map(async |(told, copilot)| {
            eprintln!("starting with {told}");
            let output = copilot.run(&["serve"]).await;
            (told, output)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

fn with_file(text: impl AsRef<[u8]>) -> Copilot {
    let copilot = Copilot::new();
    fs::write(copilot.directory().join("copilot.toml"), text).unwrap();
    copilot
}

/// The refusal, after a look for secrets in it.
fn refused(told: &str, output: &Output) -> String {
    assert!(!output.status.success(), "{told} was taken");
    let line = refusal(output);
    assert!(!line.contains("hunter2"), "{told}: {line}");
    line
}

#[test]
fn every_key_has_wrong_values() {
    let known = WRONG.iter().map(|(key, _)| *key);
    let alone = ALONE.iter().map(|(key, ..)| *key);
    let any = ANY_TEXT.iter().chain(SECRETS_OF_ANY_FORM).copied();
    let known: BTreeSet<&str> = known.chain(alone).chain(any).collect();
    let keys = keys();
    let all: BTreeSet<&str> = keys.iter().map(|key| key.name.as_str()).collect();

    assert_eq!(known, all);
}

#[tokio::test]
async fn a_wrong_text_names_its_key() {
    let cases = WRONG.iter().flat_map(|(key, values)| {
        values.iter().map(move |value| {
            let copilot = Copilot::new()
                .without_env(&variable(key))
                .env(&variable(key), *value);
            (format!("{key}={value}"), copilot)
        })
    });

    for (told, output) in started(cases).await {
        let line = refused(&told, &output);
        let key = told.split('=').next().unwrap();
        assert!(
            line.starts_with(&format!("copilot: {key}: ")),
            "{told}: {line}"
        );
    }
}

#[tokio::test]
async fn a_value_of_the_wrong_type_names_its_key_and_the_file() {
    let cases = keys().into_iter().map(|key| {
        let (section, name) = key.name.split_once('.').unwrap();
        // A list in a list is no value of any key.
        let copilot =
            with_file(format!("[{section}]\n{name} = [[1]]\n")).without_env(&key.variable());
        (key.name.clone(), copilot)
    });

    for (key, output) in started(cases).await {
        let line = refused(&key, &output);
        assert!(
            line.starts_with(&format!("copilot: {key}: ")) && line.contains("copilot.toml"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_key_that_needs_another_names_that() {
    let cases = ALONE.iter().map(|(key, value, missing)| {
        (
            (*missing).to_owned(),
            Copilot::new().env(&variable(key), *value),
        )
    });

    for (missing, output) in started(cases).await {
        let line = refused(&missing, &output);
        assert!(
            line.starts_with(&format!("copilot: {missing}: needed ")),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_misspelt_key_is_told_with_the_nearest_one() {
    let names: BTreeSet<String> = keys().into_iter().map(|key| key.name).collect();
    let cases = names.iter().filter_map(|name| {
        let misspelt = name.get(..name.len() - 1)?;
        let is_key = names.contains(misspelt);
        (!is_key).then(|| {
            (
                misspelt.to_owned(),
                Copilot::new().env(&variable(misspelt), "1"),
            )
        })
    });

    for (misspelt, output) in started(cases).await {
        let line = refused(&misspelt, &output);
        assert!(
            line.starts_with(&format!("copilot: unknown setting {misspelt} "))
                && line.contains("did you mean "),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_told_with_its_place() {
    let folder = Copilot::new();
    fs::create_dir(folder.directory().join("copilot.toml")).unwrap();
    let cases: [(&str, Copilot); 8] = [
        (
            "unknown setting sever (file copilot.toml); did you mean server?",
            with_file("[sever]\n"),
        ),
        (
            "unknown setting turn.max_stesp (file copilot.toml); did you mean turn.max_steps?",
            with_file("[turn]\nmax_stesp = 3\n"),
        ),
        (
            "settings file copilot.toml: expected a section [turn], got a value",
            with_file("turn = 3\n"),
        ),
        ("line 2", with_file("[llm]\napi_key = hunter2\n")),
        (
            "duplicate",
            with_file("[turn]\nmax_steps = 1\nmax_steps = 2\n"),
        ),
        ("settings file copilot.toml: ", with_file("[turn\n")),
        ("settings file copilot.toml: ", with_file([0xff, 0xfe])),
        ("settings file copilot.toml: ", folder),
    ];

    for (expected, copilot) in cases {
        let line = refused(expected, &copilot.run(&["serve"]).await);
        assert!(line.contains(expected), "{expected}: {line}");
    }
    let named = Copilot::new()
        .run(&["--config", "other.toml", "serve"])
        .await;
    assert!(refusal(&named).contains("settings file other.toml: "));
}

#[tokio::test]
async fn a_variable_that_is_no_text_or_no_readable_file_is_named() {
    let copilot = Copilot::new();
    let mut command = copilot.api(0).command(&["serve"]);
    command.env("COPILOT__LLM__MODEL", OsStr::from_bytes(&[0xff]));
    let line = refusal(&command.output().unwrap());
    assert_eq!(line, "copilot: COPILOT__LLM__MODEL: its value is no UTF-8");

    for (file, also) in [
        ("/missing/key", None),
        ("/", None),
        ("/dev/null", None),
        ("key", Some("hunter2")),
    ] {
        let mut copilot = Copilot::new().env("COPILOT__LLM__API_KEY_FILE", file);
        fs::write(copilot.directory().join("key"), "hunter2").unwrap();
        if let Some(also) = also {
            copilot.set("COPILOT__LLM__API_KEY", also);
        }
        let line = refused(file, &copilot.run(&["serve"]).await);
        assert!(
            line.starts_with("copilot: COPILOT__LLM__API_KEY_FILE: "),
            "{line}"
        );
    }
}

#[tokio::test]
async fn settings_that_exclude_each_other_are_named() {
    let secret = "hunter2-hunter2-hunter2-hunter2-hunter2";
    let listen = "127.0.0.1:18098";
    for (settings, key) in [
        (
            [
                ("auth.jwt_secret", secret),
                ("auth.jwks_url", "https://id.example.com/jwks"),
            ],
            "auth.jwks_url",
        ),
        (
            [("server.listen", listen), ("metrics.listen", listen)],
            "metrics.listen",
        ),
        (
            [("server.listen", "0.0.0.0:18098"), ("auth.mode", "local")],
            "auth.mode",
        ),
        (
            [
                ("executor.heartbeat_seconds", "5"),
                ("executor.lease_seconds", "10"),
            ],
            "executor.lease_seconds",
        ),
        (
            [
                ("turn.max_running_per_user", "9"),
                ("turn.max_in_flight_per_user", "8"),
            ],
            "turn.max_in_flight_per_user",
        ),
        (
            [
                ("files.max_file_bytes", "9"),
                ("files.max_workspace_bytes", "8"),
            ],
            "files.max_workspace_bytes",
        ),
    ] {
        let mut copilot = Copilot::new();
        for (name, value) in settings {
            copilot.set(&variable(name), value);
        }
        let line = refused(key, &copilot.run(&["serve"]).await);
        assert!(line.starts_with(&format!("copilot: {key}: ")), "{line}");
    }
}

#[tokio::test]
async fn the_same_setting_from_file_and_environment_is_no_error() {
    let mut copilot = with_file("[turn]\nmax_steps = 7\n").env("COPILOT__TURN__MAX_STEPS", "8");

    copilot.start().await;
}
