//! `copilot doctor`: what is wrong, and how to mend it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use copilot_harness::postgres::fresh_database;
use copilot_harness::{Copilot, FakeUpstream, TestStack};
use serde_json::Value;

use crate::start_up::said;

/// What the doctor found, by part.
struct Findings(BTreeMap<String, Value>);

impl Findings {
    async fn of(copilot: &Copilot) -> Self {
        let (text, _) = said(&copilot.run(&["doctor"]).await);
        let output = copilot.run(&["doctor", "--json"]).await;
        let (json, stderr) = said(&output);
        assert_eq!(stderr, "");
        for shown in [&text, &json] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let report: Value = serde_json::from_str(&json).unwrap();
        let checks = report["checks"].as_array().unwrap();
        assert_eq!(text.lines().count(), checks.len(), "{text}");
        let failed = checks.iter().any(|check| check["verdict"] == "failed");
        assert_eq!(report["ok"], !failed);
        assert_eq!(output.status.code(), Some(i32::from(failed)));
        let by_name = checks.iter().map(|check| {
            let is_fine = check["verdict"] == "ok";
            assert_eq!(check["remedy"].is_null(), is_fine, "{check}");
            (check["name"].as_str().unwrap().to_owned(), check.clone())
        });
        Self(by_name.collect())
    }

    /// Assert how a part is, and that its line says this.
    fn assert(&self, part: &str, verdict: &str, says: &str) {
        let check = self
            .0
            .get(part)
            .unwrap_or_else(|| panic!("no {part} in {:?}", self.0));
        let all = format!("{}; {}", check["note"], check["remedy"]);
        assert_eq!(check["verdict"], verdict, "{check}");
        assert!(all.contains(says), "{part}: {all}");
    }
}

/// A server that gives this answer to each request.
fn answering(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the test's process.
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let mut connection = connection;
            let mut request = [0; 4096];
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            if connection.read(&mut request).is_ok() {
                connection.write_all(answer.as_bytes()).ok();
            }
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_fresh_installation_is_fine_and_stays_untouched() {
    let copilot = Copilot::new();

    let found = Findings::of(&copilot).await;

    found.assert("settings", "ok", "all are right");
    found.assert("database", "ok", "the start makes it");
    found.assert("listen", "ok", "is free");
    found.assert("engine", "ok", "documentation");
    found.assert("model", "warning", "no language model configured");
    assert!(found.0.contains_key("disk"));
    let left: Vec<_> = fs::read_dir(copilot.directory()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_running_copilot_is_seen_and_not_disturbed() {
    let stack = TestStack::builder()
        .embedded()
        .env("COPILOT__LLM__MODEL", "fake")
        .start()
        .await;
    stack.client.create_session().await;

    let found = Findings::of(&stack.copilot).await;

    found.assert(
        "database",
        "ok",
        "in use by a running copilot, schema up to date, writable",
    );
    found.assert("listen", "ok", "is taken by a running copilot");
    found.assert("model", "ok", "takes the key and has fake");
    assert!(stack.llm.requests().is_empty(), "it costs nothing");
    stack.client.create_session().await;
    stack.finish().await;
}

#[tokio::test]
async fn wrong_settings_are_told_and_the_database_is_asked_all_the_same() {
    let wrong = Copilot::new().env("COPILOT__TURN__MAX_STEPS", "0");
    let found = Findings::of(&wrong).await;
    found.assert(
        "settings",
        "failed",
        "turn.max_steps: expected 1 to 1000, got 0",
    );
    found.assert("database", "ok", "the start makes it");

    let unknown = Copilot::new().env("COPILOT__TURN__MAX_STEPPS", "3");
    let found = Findings::of(&unknown).await;
    found.assert("settings", "failed", "unknown setting turn.max_stepps");
}

#[tokio::test]
async fn each_broken_part_is_told_and_the_others_are_asked_all_the_same() {
    let copilot = Copilot::new()
        .env("COPILOT__DATABASE__URL", "sqlite:///proc/x/y.db?mode=rwc")
        .env("COPILOT__SERVER__LISTEN", "192.0.2.1:8006")
        .env("COPILOT__AUTH__MODE", "jwt")
        .env(
            "COPILOT__AUTH__JWKS_URL",
            "http://u:hunter2@127.0.0.1:9/jwks",
        )
        .env("COPILOT__TRACKING__KIND", "webhook")
        .env("COPILOT__TRACKING__URL", "http://127.0.0.1:9/hunter2")
        .env("COPILOT__FILES__URL", "file:///proc/files")
        .env("COPILOT__DOCS__PATHS", "/missing/folder")
        .env("OPENAI_API_KEY", "hunter2")
        .env("OPENAI_BASE_URL", "http://u:hunter2@127.0.0.1:9/v1");

    let found = Findings::of(&copilot).await;

    found.assert("settings", "ok", "");
    found.assert("database", "failed", "/proc/x/y.db cannot be made");
    found.assert("disk", "failed", "/proc/x");
    found.assert("listen", "failed", "192.0.2.1:8006");
    found.assert("jwks", "failed", "auth.jwks_url");
    found.assert("tracking", "warning", "tracking.url");
    found.assert("files", "warning", "not used by this version");
    found.assert("engine", "failed", "/missing/folder");
    found.assert("model", "failed", "llm.base_url");
}

#[tokio::test]
async fn the_models_server_is_judged_by_its_answer() {
    let upstream = FakeUpstream::start().await;
    let nothing = r#"{"object": "list", "data": []}"#;
    for (base_url, verdict, says) in [
        (upstream.base_url(), "ok", "takes the key and has fake"),
        (
            answering("200 OK", nothing),
            "warning",
            "does not list fake",
        ),
        (answering("200 OK", "<html>"), "warning", "/v1"),
        (answering("404 Not Found", ""), "warning", "/v1"),
        (
            answering("401 Unauthorized", ""),
            "failed",
            "refuses the key",
        ),
        (answering("403 Forbidden", ""), "failed", "refuses the key"),
        (
            answering("429 Too Many Requests", ""),
            "warning",
            "too many requests",
        ),
        (
            answering("500 Internal Server Error", ""),
            "failed",
            "answers 500",
        ),
    ] {
        let copilot = Copilot::new()
            .env("COPILOT__LLM__MODEL", "fake")
            .env("OPENAI_API_KEY", "hunter2")
            .env("OPENAI_BASE_URL", base_url);

        Findings::of(&copilot).await.assert("model", verdict, says);
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_holds_nobody_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let copilot = Copilot::new()
        .env("OPENAI_API_KEY", "hunter2")
        .env("OPENAI_BASE_URL", format!("http://{address}/v1"));

    Findings::of(&copilot)
        .await
        .assert("model", "failed", "no answer in time");
}

#[tokio::test]
async fn published_keys_are_looked_for() {
    for (url, verdict, says) in [
        (
            answering("200 OK", r#"{"keys": [{"kty": "OKP"}]}"#),
            "ok",
            "1 keys",
        ),
        (
            answering("200 OK", r#"{"keys": []}"#),
            "failed",
            "no key is published",
        ),
        (answering("200 OK", "<html>"), "failed", "no list of keys"),
        (answering("404 Not Found", ""), "failed", "404"),
    ] {
        let copilot = Copilot::new()
            .env("COPILOT__AUTH__MODE", "jwt")
            .env("COPILOT__AUTH__JWKS_URL", url);

        Findings::of(&copilot).await.assert("jwks", verdict, says);
    }
}

#[tokio::test]
async fn another_program_on_the_port_is_told_from_a_copilot() {
    let address = answering("200 OK", "{}").replace("http://", "");
    let copilot = Copilot::new().env("COPILOT__SERVER__LISTEN", &address);

    let found = Findings::of(&copilot).await;

    found.assert("listen", "failed", "taken by another program");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told() {
    let copilot = Copilot::new();
    let text = "no database ".repeat(100);
    fs::write(copilot.directory().join("copilot.db"), &text).unwrap();

    let found = Findings::of(&copilot).await;

    found.assert("database", "failed", "file is not a database");
    let after = fs::read_to_string(copilot.directory().join("copilot.db")).unwrap();
    assert_eq!(after, text);
    let absent = Copilot::new().env("COPILOT__DATABASE__URL", "sqlite://missing.db");
    Findings::of(&absent)
        .await
        .assert("database", "failed", "?mode=rwc");
}

#[tokio::test]
async fn a_postgres_is_asked_for_its_schema_its_clock_and_its_will_to_write() {
    let postgres = fresh_database();
    let copilot = Copilot::new()
        .env("COPILOT__DATABASE__URL", postgres.url())
        .env("COPILOT__DATABASE__MIGRATE_ON_START", "false");

    let empty = Findings::of(&copilot).await;
    assert!(copilot.run(&["migrate", "up"]).await.status.success());
    let good = Findings::of(&copilot).await;
    postgres.run("INSERT INTO seaql_migrations VALUES ('m29990101_000001_future', 1)");
    let newer = Findings::of(&copilot).await;
    let name = postgres.run("SELECT current_database()");
    postgres.run(&format!(
        "ALTER DATABASE {name} SET default_transaction_read_only = on"
    ));
    let read_only = Findings::of(&copilot).await;
    let away = Copilot::new().env(
        "COPILOT__DATABASE__URL",
        "postgres://u:hunter2@127.0.0.1:1/x",
    );
    let away = Findings::of(&away).await;

    empty.assert("database", "failed", "copilot migrate up");
    good.assert("database", "ok", "schema up to date, writable");
    good.assert("clock", "ok", "agrees");
    newer.assert("database", "ok", "newer version");
    read_only.assert("database", "failed", "does not take writes");
    away.assert("database", "failed", "database.url");
    away.assert("clock", "warning", "not compared");
}

#[tokio::test]
async fn the_servers_of_the_distributed_mode_are_asked() {
    let settings = |program: &'static str| {
        let folder = Copilot::new();
        let mut process =
            copilot_harness::process::Process::new(program, program, folder.directory());
        for (name, value) in [
            ("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/x"),
            ("REDIS_URL", "redis://:hunter2@127.0.0.1:1"),
            ("AMQP_URL", "amqp://u:hunter2@127.0.0.1:1/%2f"),
            ("COPILOT__AUTH__MODE", "local"),
        ] {
            process.set(name, Some(value.to_owned()));
        }
        (folder, process)
    };
    for program in ["copilot-api", "copilot-executor"] {
        let (_folder, process) = settings(program);

        let output = process.run(&["doctor", "--json"]).await;

        let (json, _) = said(&output);
        assert_eq!(output.status.code(), Some(1));
        assert!(!json.contains("hunter2"), "{json}");
        let report: Value = serde_json::from_str(&json).unwrap();
        let failed: Vec<&str> = report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["verdict"] == "failed")
            .filter_map(|check| check["name"].as_str())
            .collect();
        for part in ["database", "redis", "rabbitmq"] {
            assert!(failed.contains(&part), "{program}: {json}");
        }
    }
}
