//! Effects of settings that no other module looks at.

use std::fs;
use std::time::{Duration, Instant};

use copilot_harness::deadline::poll_until;
use copilot_harness::postgres::fresh_database;
use copilot_harness::{Client, Copilot, FakeUpstream, Gate, TestStack, text};
use serde_json::json;

use crate::conversation::{Conversation, told};
use crate::start_up::said;

const LIMIT: Duration = Duration::from_secs(20);

/// Where the banner says that it listens.
async fn announced(copilot: &mut Copilot) -> String {
    copilot.spawn();
    let base = || {
        let log = copilot.log();
        let line = log.lines().find(|line| line.trim().starts_with("page "))?;
        let url = line.split_whitespace().last()?;
        Some(url.trim_end_matches('/').to_owned())
    };
    poll_until(LIMIT, || copilot.log(), async || base().is_some()).await;
    base().unwrap()
}

#[tokio::test]
async fn the_system_chooses_a_port() {
    let mut copilot = Copilot::new().env("COPILOT__SERVER__LISTEN", "127.0.0.1:0");

    let base = announced(&mut copilot).await;

    assert!(!base.ends_with(":0"), "{base}");
    Client::new(base).create_session().await;
}

#[tokio::test]
async fn it_listens_on_ipv6() {
    let mut copilot = Copilot::new().env("COPILOT__SERVER__LISTEN", "[::1]:0");

    let base = announced(&mut copilot).await;

    assert!(base.starts_with("http://[::1]:"), "{base}");
    Client::new(base).create_session().await;
}

#[tokio::test]
async fn an_operator_may_insist_on_listening_to_the_world() {
    let mut copilot = Copilot::new()
        .env("COPILOT__SERVER__LISTEN", "0.0.0.0:0")
        .env("COPILOT__AUTH__ALLOW_INSECURE", "true");

    let base = announced(&mut copilot).await;

    let here = base.replace("0.0.0.0", "127.0.0.1");
    Client::new(here).create_session().await;
}

#[tokio::test]
async fn what_the_operator_sets_reaches_the_model() {
    let llm = FakeUpstream::start().await;
    let mut copilot = Copilot::new()
        .upstream("http://127.0.0.1:9/v1")
        .env("COPILOT__LLM__BASE_URL", llm.base_url())
        .env("COPILOT__LLM__API_KEY", "own-key")
        .env("COPILOT__LLM__MODEL", "my-model")
        .env("COPILOT__LLM__TEMPERATURE", "0.25")
        .env("COPILOT__LLM__MAX_OUTPUT_TOKENS", "777")
        .env("COPILOT__LLM__REASONING", "low")
        .env("COPILOT__LLM__HEADERS", "X-Team=search,X-Env=test")
        .env("COPILOT__LLM__SYSTEM_PROMPT_FILE", "persona.md");
    let persona = copilot.directory().join("persona.md");
    fs::write(persona, "You are Pat of the search team.").unwrap();
    copilot.start().await;
    let client = copilot.client();
    let session = client.create_session().await;

    client
        .start_stream(&session, "hi")
        .events()
        .to_finish()
        .await;

    let requests = llm.requests();
    let (body, headers) = (&requests[0].body, &requests[0].headers);
    assert_eq!(requests[0].model(), "my-model");
    assert_eq!(body["temperature"], json!(0.25));
    let limits = ["max_tokens", "max_completion_tokens"];
    assert!(limits.iter().any(|limit| body[limit] == 777), "{body}");
    assert_eq!(body["reasoning_effort"], "low");
    assert_eq!(headers["x-team"], "search");
    assert_eq!(headers["x-env"], "test");
    assert_eq!(headers["authorization"], "Bearer own-key");
    assert!(told(&requests[0]).contains("You are Pat of the search team."));
}

#[tokio::test]
async fn without_a_key_the_builtin_provider_answers_and_a_key_changes_that() {
    let mut stack = TestStack::builder().builtin_model().start().await;
    let chat = Conversation::begin(&stack).await;
    chat.ask("hi").await;
    assert!(stack.llm.requests().is_empty());

    let base_url = stack.llm.base_url();
    stack.copilot.set("OPENAI_API_KEY", "sk-test-key");
    stack.copilot.set("OPENAI_BASE_URL", base_url);
    stack.restart().await;
    chat.ask("hi").await;
    assert_eq!(stack.llm.requests().len(), 1);

    stack.copilot.set("COPILOT__LLM__PROVIDER", "builtin");
    stack.restart().await;
    chat.ask("hi").await;
    assert_eq!(stack.llm.requests().len(), 1);
    stack.finish().await;
}

#[tokio::test]
async fn the_deadline_of_a_turn_survives_a_restart() {
    let mut stack = TestStack::builder()
        .env("COPILOT__TURN__TIMEOUT_SECONDS", "7")
        .start()
        .await;
    let never = Gate::new();
    stack.llm.default_reply(text("one ").gate(&never));
    let turn = stack.client.turn("count").await;
    never.reached().await;
    let since = Instant::now();
    let begun = turn.get().await["started_at"].clone();
    poll_until(
        LIMIT,
        || "half of the time is over".to_owned(),
        async || since.elapsed() > Duration::from_secs(4),
    )
    .await;

    stack.restart().await;
    never.reached_by(2).await;
    let failed = turn.until_status("failed").await;

    assert_eq!(failed["error"]["code"], "turn_timeout");
    assert_eq!(failed["started_at"], begun, "counted from the first start");
    // It was the deadline of the first start: a new one would let the second call run longer.
    assert!(since.elapsed() < Duration::from_secs(10), "{failed}");
    stack.finish().await;
}

#[tokio::test]
async fn no_more_turns_run_than_the_executor_may() {
    let stack = TestStack::builder()
        .env("COPILOT__EXECUTOR__CONCURRENCY", "2")
        .start()
        .await;
    let gate = Gate::new();
    stack.llm.default_reply(text("ok").gate_first_byte(&gate));
    let mut turns = Vec::new();
    for _ in 0..3 {
        turns.push(stack.client.turn("hi").await);
    }
    gate.reached_by(2).await;

    assert_eq!(turns[2].get().await["status"], "queued");
    assert_eq!(stack.llm.requests().len(), 2);
    gate.release();
    for turn in turns {
        turn.until_status("completed").await;
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_cancel_that_no_message_brought_is_found_by_the_heartbeat() {
    let postgres = fresh_database();
    // A cancel that the look finds is forced, and that raises the attempt.
    for (heartbeat, attempt) in [("0.2", 1), ("60", 2)] {
        let stack = TestStack::builder()
            .database(postgres.url())
            .env("COPILOT__EXECUTOR__HEARTBEAT_SECONDS", heartbeat)
            .env("COPILOT__EXECUTOR__LEASE_SECONDS", "200")
            .start()
            .await;
        let never = Gate::new();
        stack.llm.script([text("one ").gate(&never)]);
        let turn = stack.client.turn("count").await;
        never.reached().await;

        postgres.run(
            "UPDATE turns SET cancel_requested_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint \
             WHERE finished_at IS NULL",
        );
        let ended = turn.until_status("cancelled").await;

        assert_eq!(ended["attempt"], attempt, "heartbeat {heartbeat}");
        // Without a heartbeat the executor has not heard yet that its turn is another's.
        never.release();
        stack.finish().await;
    }
}

#[tokio::test]
async fn the_log_is_written_as_the_settings_say() {
    for (format, level, is_json, has_lines) in [
        ("json", "info", true, true),
        ("pretty", "info", false, true),
        ("json", "off", true, false),
        // Nobody looks at a terminal here.
        ("auto", "info", true, true),
    ] {
        let stack = TestStack::builder()
            .env("COPILOT__LOG__FORMAT", format)
            .env("COPILOT__LOG__LEVEL", level)
            .start()
            .await;
        let chat = Conversation::begin(&stack).await;
        chat.ask("hi").await;

        let log = stack.copilot.log();
        assert_eq!(log.contains("turn finished"), has_lines, "{format} {level}");
        let lines = stack.copilot.log_lines();
        assert_eq!(!lines.is_empty(), is_json && has_lines, "{format} {level}");
        stack.finish().await;
    }
}

#[tokio::test]
async fn streams_are_written_for_the_version_that_is_set() {
    for (profile, tells) in [("v5", false), ("v6", true), ("v7", true)] {
        let stack = TestStack::builder()
            .env("COPILOT__STREAM__PROFILE", profile)
            .start()
            .await;
        let chat = Conversation::begin(&stack).await;

        let answer = chat.ask("hi").await;

        let finish = &answer.first("finish").json;
        assert_eq!(finish.get("finishReason").is_some(), tells, "{finish}");
        stack.finish().await;
    }
}

#[tokio::test]
async fn a_token_must_name_the_audience_that_is_set() {
    let with_audience = |audience: &str| {
        Copilot::new()
            .env("COPILOT__AUTH__MODE", "jwt")
            .env(
                "COPILOT__AUTH__JWT_SECRET",
                "a-secret-of-at-least-thirty-two-bytes",
            )
            .env("COPILOT__AUTH__AUDIENCE", audience)
    };
    let mut copilot = with_audience("ours");
    copilot.start().await;
    let token = async |issuer: &Copilot| {
        let (token, _) = said(&issuer.run(&["token", "--user", "ann"]).await);
        token.trim().to_owned()
    };
    let (ours, theirs) = (token(&copilot).await, token(&with_audience("theirs")).await);

    let client = copilot.client();
    client.list_sessions().token(&ours).ok().await;
    client.list_sessions().token(&theirs).problem(401).await;
}

#[tokio::test]
async fn untouched_sessions_go_after_the_days_that_are_set() {
    let postgres = fresh_database();
    let mut stack = TestStack::builder()
        .database(postgres.url())
        .env("COPILOT__RETENTION__SESSION_DAYS", "2")
        .start()
        .await;
    let (old, young) = (
        stack.client.create_session().await,
        stack.client.create_session().await,
    );
    for (session, days) in [(&old, 3), (&young, 1)] {
        postgres.run(&format!(
            "UPDATE sessions SET updated_at = updated_at - {days} * 86400000::bigint WHERE id = '{session}'"
        ));
    }
    // The first look of a process looks for them, later ones now and then.
    stack.restart().await;

    let is_gone = async || stack.client.get_session(&old).answer().await.status == 404;
    poll_until(LIMIT, || format!("{old} is gone"), is_gone).await;

    stack.client.get_session(&young).ok().await;
    stack.finish().await;
}

#[tokio::test]
async fn lists_are_separated_by_commas() {
    let copilot = Copilot::new();
    let folder = |name: &str| {
        let path = copilot.directory().join(name);
        fs::create_dir(&path).unwrap();
        fs::write(
            path.join("page.md"),
            format!("# {name}\n\nThe {name} is here.\n"),
        )
        .unwrap();
        path.display().to_string()
    };
    let folders = [folder("xylophone"), folder("harpsichord")].join(", ");
    let mut copilot = copilot
        .env("COPILOT__DOCS__PATHS", folders)
        .env("COPILOT__TOOLS__DISABLED", "get_doc_page,");
    copilot.start().await;
    let client = copilot.client();
    let session = client.create_session().await;

    for word in ["xylophone", "harpsichord"] {
        let answer = client
            .start_stream(&session, word)
            .events()
            .to_finish()
            .await;
        assert!(
            answer.text().contains(&format!("The {word} is here")),
            "{}",
            answer.text()
        );
    }
}
