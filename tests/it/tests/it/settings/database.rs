//! `database.*`: addresses, pool, schema, and what is said when it cannot be used.

use std::fs;

use copilot_harness::postgres::fresh_database;
use copilot_harness::{Copilot, Gate, TestStack, text};
use futures::future::join_all;

use crate::conversation::Conversation;
use crate::start_up::refusal;

const URL: &str = "COPILOT__DATABASE__URL";

#[tokio::test]
async fn every_form_of_address_works() {
    let postgres = fresh_database();
    for url in [
        "sqlite://relative.db?mode=rwc",
        "sqlite:also-relative.db?mode=rwc",
        "sqlite::memory:",
        postgres.url(),
        &postgres.url().replacen("postgres:", "postgresql:", 1),
    ] {
        let mut copilot = Copilot::new().env(URL, url);
        copilot.start().await;

        let client = copilot.client();
        client.create_session().await;
        assert_eq!(client.list_sessions().ok().await["total"], 1, "{url}");
        client
            .delete_session(&only_session(&client).await)
            .status(204)
            .await;
        copilot.sigterm();
        copilot.wait_exit(std::time::Duration::from_secs(20)).await;
    }
}

async fn only_session(client: &copilot_harness::Client) -> String {
    let listed = client.list_sessions().ok().await;
    listed["sessions"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_pool_is_no_larger_than_allowed() {
    let postgres = fresh_database();
    let stack = TestStack::builder()
        .database(postgres.url())
        .env("COPILOT__DATABASE__MAX_CONNECTIONS", "3")
        .start()
        .await;
    let gate = Gate::new();
    stack.llm.default_reply(text("ok").gate_first_byte(&gate));
    let turns = join_all((0..5).map(async |_| stack.client.turn("hi").await)).await;
    gate.reached_by(5).await;
    join_all((0..20).map(async |_| stack.client.list_sessions().ok().await)).await;

    let connections = postgres.run(
        "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'copilot'",
    );

    let connections: u32 = connections.parse().unwrap();
    assert!((2..=3).contains(&connections), "{connections}");
    gate.release();
    for turn in turns {
        turn.until_status("completed").await;
    }
    stack.finish().await;
}

#[tokio::test]
async fn an_older_schema_is_brought_up_to_date_if_allowed() {
    let mut copilot = Copilot::new();
    for step in ["up", "down"] {
        assert!(copilot.run(&["migrate", step]).await.status.success());
    }
    copilot.set("COPILOT__DATABASE__MIGRATE_ON_START", "false");
    let line = refusal(&copilot.run(&["serve"]).await);
    assert!(line.contains("older than this program"), "{line}");

    copilot.set("COPILOT__DATABASE__MIGRATE_ON_START", "true");
    copilot.start().await;

    copilot.client().create_session().await;
}

#[tokio::test]
async fn a_newer_schema_is_fine() {
    let postgres = fresh_database();
    let mut copilot = Copilot::new().env(URL, postgres.url());
    assert!(copilot.run(&["migrate", "up"]).await.status.success());
    postgres.run("INSERT INTO seaql_migrations VALUES ('m29990101_000001_future', 1)");
    copilot.set("COPILOT__DATABASE__MIGRATE_ON_START", "false");

    copilot.start().await;

    copilot.client().create_session().await;
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_named_in_one_line() {
    let stack = TestStack::builder().embedded().start().await;
    let in_use = stack.copilot.directory().join("copilot.db");
    let in_use = format!("sqlite://{}", in_use.display());
    for (url, expected) in [
        (
            "postgres://u:hunter2@127.0.0.1:1/x",
            "cannot reach the database",
        ),
        (
            "postgres://u:hunter2@no-such-host.invalid/x",
            "cannot reach the database",
        ),
        (
            "sqlite://missing.db",
            "missing.db is not there; add ?mode=rwc",
        ),
        ("sqlite://missing/x.db?mode=rwc", "missing/x.db"),
        // Nobody may write there, not even root.
        ("sqlite:///proc/x.db?mode=rwc", "/proc/x.db"),
        ("sqlite://folder?mode=rwc", "cannot open folder"),
        ("sqlite://text.db?mode=rwc", "text.db: "),
        ("sqlite://x.db?mode=hunter2", "database.url"),
        (in_use.as_str(), "is in use by another copilot process"),
    ] {
        let copilot = Copilot::new().env(URL, url);
        let folder = copilot.directory();
        fs::create_dir(folder.join("folder")).unwrap();
        fs::write(folder.join("text.db"), "no database ".repeat(100)).unwrap();

        let line = refusal(&copilot.run(&["serve"]).await);

        assert!(line.starts_with("copilot: database.url: "), "{url}: {line}");
        assert!(line.contains(expected), "{url}: {line}");
        assert!(!line.contains(":hunter2"), "{line}");
    }
    let chat = Conversation::begin(&stack).await;
    assert_eq!(chat.ask("still there?").await.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn own_certificates_demand_tls() {
    let postgres = fresh_database();
    for settings in [
        &[("COPILOT__DATABASE__TLS_CA_FILE", "ca.pem")][..],
        &[
            ("COPILOT__DATABASE__TLS_CERT_FILE", "client.pem"),
            ("COPILOT__DATABASE__TLS_KEY_FILE", "client.key"),
            ("COPILOT__DATABASE__TLS_CA_FILE", "ca.pem"),
        ],
    ] {
        let mut copilot = Copilot::new().env(URL, postgres.url());
        for (name, value) in settings {
            copilot.set(name, *value);
        }
        // The test server has no TLS, and a connection without it would not be what was asked for.
        let line = refusal(&copilot.run(&["serve"]).await);
        assert!(line.starts_with("copilot: database.url: "), "{line}");
    }
}
