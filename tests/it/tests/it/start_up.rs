//! The program on the command line, and how it refuses to start.

use std::process::Output;

use copilot_harness::{Copilot, TestStack};
use serde_json::Value;

/// What a program wrote: standard output, standard error.
pub(crate) fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Assert that it refused to start, and give the one line that says why.
pub(crate) fn refusal(output: &Output) -> String {
    let (stdout, stderr) = said(output);
    assert!(!output.status.success(), "it started: {stdout}{stderr}");
    assert_eq!((output.status.code(), stdout.as_str()), (Some(1), ""));
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 1, "not one line: {lines:#?}");
    assert!(!lines[0].contains("panicked"), "{}", lines[0]);
    lines[0].to_owned()
}

#[tokio::test]
async fn version_and_help_are_told() {
    let copilot = Copilot::new();

    let version = copilot.run(&["--version"]).await;
    let help = copilot.run(&["--help"]).await;

    assert!(version.status.success() && help.status.success());
    assert_eq!(
        said(&version).0.trim(),
        format!("copilot {}", env!("CARGO_PKG_VERSION"))
    );
    for command in ["serve", "migrate", "config", "doctor", "openapi", "chat"] {
        assert!(said(&help).0.contains(command), "{command}");
    }
}

#[tokio::test]
async fn exit_codes_and_outputs_are_as_usual() {
    for (arguments, code) in [
        (&["-h"][..], 0),
        (&["-V"], 0),
        (&["help", "migrate"], 0),
        (&["doctor", "--help"], 0),
        (&["config", "--json"], 0),
        (&["doctor"], 0),
        (&["no-such-command"], 2),
        (&["--no-such-switch"], 2),
        (&["migrate"], 2),
        (&["migrate", "sideways"], 2),
        (&["--config"], 2),
        (&["--config", "missing.toml", "config"], 1),
    ] {
        let output = Copilot::new().run(arguments).await;

        let (stdout, stderr) = said(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        // What was asked for goes to the one, what went wrong to the other.
        let (used, unused) = if code == 0 {
            (stdout, stderr)
        } else {
            (stderr, stdout)
        };
        assert!(!used.is_empty(), "{arguments:?}");
        assert_eq!(unused, "", "{arguments:?}");
    }
}

#[tokio::test]
async fn the_api_document_is_printed_as_it_is_served() {
    let stack = TestStack::start().await;

    let printed = stack.copilot.run(&["openapi"]).await;

    assert!(printed.status.success());
    let printed: Value = serde_json::from_str(&said(&printed).0).unwrap();
    let served = stack.client.get("/openapi.json").ok().await;
    assert_eq!(printed["paths"], served["paths"]);
    assert_eq!(printed["components"], served["components"]);
    stack.finish().await;
}

#[tokio::test]
async fn the_settings_are_printed_without_their_secrets() {
    let copilot = Copilot::new()
        .upstream("http://127.0.0.1:9/v1/")
        .env("COPILOT__LLM__MODEL", "my-model");

    let printed = copilot.run(&["config"]).await;

    assert!(printed.status.success());
    let (stdout, stderr) = said(&printed);
    assert!(
        stdout.contains("my-model") && stdout.contains("http://127.0.0.1:9/v1"),
        "{stdout}"
    );
    assert!(!stdout.contains("sk-test-key") && !stderr.contains("sk-test-key"));
}

#[tokio::test]
async fn a_wrong_setting_is_named_in_one_line() {
    for (name, value, key) in [
        ("COPILOT__TURN__MAX_STEPS", "many", "turn.max_steps"),
        ("COPILOT__TURN__MAX_STEPS", "0", "turn.max_steps"),
        ("COPILOT__SERVER__LISTEN", "nowhere", "server.listen"),
        ("COPILOT__STREAM__PROFILE", "v4", "stream.profile"),
        ("COPILOT__TURN__MAX_STEPPS", "3", "turn.max_stepps"),
        (
            "COPILOT__EXECUTOR__LEASE_SECONDS",
            "1",
            "executor.lease_seconds",
        ),
    ] {
        let line = refusal(&Copilot::new().env(name, value).run(&["serve"]).await);

        let is_named = line.contains(key) || line.contains(name);
        assert!(is_named, "{name}={value}: {line}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_named_and_not_shown() {
    let copilot = Copilot::new().env("DATABASE_URL", "postgres://user:very-secret@[broken");
    let copilot = copilot.without_env("COPILOT__DATABASE__URL");

    let line = refusal(&copilot.run(&["serve"]).await);

    assert!(
        line.contains("database.url") || line.contains("DATABASE_URL"),
        "{line}"
    );
    assert!(!line.contains("very-secret"), "{line}");
}

#[tokio::test]
async fn without_tokens_it_refuses_to_listen_to_the_world() {
    let copilot = Copilot::new().env("COPILOT__SERVER__LISTEN", "0.0.0.0:18099");

    let line = refusal(&copilot.run(&["serve"]).await);

    assert!(
        line.contains("server.listen") || line.contains("0.0.0.0"),
        "{line}"
    );
    assert!(line.contains("auth."), "it says what would help: {line}");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let stack = TestStack::start().await;
    let address = stack.client.base().trim_start_matches("http://").to_owned();
    let second = Copilot::new().env("COPILOT__SERVER__LISTEN", &address);

    let line = refusal(&second.run(&["serve"]).await);

    assert!(
        line.contains("server.listen") && line.contains(&address),
        "{line}"
    );
    stack.finish().await;
}

#[tokio::test]
async fn settings_come_from_a_file_beneath_the_environment() {
    let mut copilot = Copilot::new().env("COPILOT__STREAM__TTL_SECONDS", "70");
    let file = copilot.directory().join("copilot.toml");
    std::fs::write(
        file,
        "[stream]\nttl_seconds = 60\n[llm]\nmodel = \"from-file\"\n",
    )
    .unwrap();

    let (printed, _) = said(&copilot.run(&["config"]).await);
    copilot.start().await;

    assert!(printed.contains("from-file"), "{printed}");
    let ttl = copilot.client().get("/api/chat/config/ttl").ok().await;
    assert_eq!(ttl["stream_ttl_seconds"], 70);
}

#[tokio::test]
async fn the_schema_goes_up_and_down_by_hand() {
    let mut copilot = Copilot::new();

    for arguments in [
        ["migrate", "status"],
        ["migrate", "up"],
        ["migrate", "up"],
        ["migrate", "status"],
        ["migrate", "down"],
        ["migrate", "up"],
    ] {
        let done = copilot.run(&arguments).await;
        assert!(done.status.success(), "{arguments:?}: {:?}", said(&done));
    }

    copilot.start().await;
    copilot.client().create_session().await;
}

#[tokio::test]
async fn an_older_schema_names_the_command_that_helps() {
    let copilot = Copilot::new().env("COPILOT__DATABASE__MIGRATE_ON_START", "false");

    let line = refusal(&copilot.run(&["serve"]).await);

    assert!(line.contains("copilot migrate up"), "{line}");
}

#[tokio::test]
async fn the_start_prints_where_it_listens_and_a_line_to_try() {
    let mut copilot = Copilot::new().without_env("COPILOT__LOG__FORMAT");

    copilot.start().await;

    let log = copilot.log();
    assert!(log.contains(&copilot.base()), "{log}");
    assert!(log.contains("curl"), "{log}");
    assert!(log.contains("/docs"), "{log}");
}
