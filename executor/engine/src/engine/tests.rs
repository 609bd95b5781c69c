//! The loop, by the whole list of what it shows and commits.

use super::{UNKNOWN_OUTCOME, fixture::*};
use crate::{
    history::CUE,
    journal::Stopped,
    model_message::ModelMessage,
    provider::Delta,
    provider_error::ProviderErrorKind::{Auth, Broken, RateLimited, Unavailable},
};
use copilot_core::{
    ledger::{CallOutcome, Effect},
    message::{MessageStatus, Role},
    turn::{FinishReason, Usage},
};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

const DOWN: Script = Script::Refuse(Unavailable { retry_after: None });

#[tokio::test]
async fn a_reply_is_shown_as_it_comes_and_ends_the_turn() {
    let mut stage = Stage::new([Script::Stream(vec![
        Act::Say(Delta::Reasoning {
            text: "hm".into(),
            signature: Some("sig".into()),
        }),
        text("Hel"),
        Act::Say(Delta::Alive),
        text("lo\0"),
        Act::Say(Delta::Usage(Usage {
            input_tokens: 3,
            output_tokens: 2,
            total_tokens: 5,
            ..Usage::default()
        })),
        end(FinishReason::Length),
    ])]);

    assert_eq!(stage.run(&asked("hi")).await, Ok(()));

    assert_eq!(
        stage.journal.lines,
        [
            "step",
            "think hm",
            "text Hel",
            "text lo\u{FFFD}",
            "end length Some(\"Hello\u{FFFD}\")"
        ]
    );
    let reply = &stage.journal.replies[0];
    assert_eq!(
        (
            reply.model.as_str(),
            reply.usage.total_tokens,
            reply.usage.estimated
        ),
        ("main", 5, false)
    );
    assert_eq!(
        (
            reply.reasoning[0].text.as_str(),
            reply.reasoning[0].signature.as_deref()
        ),
        ("hm", Some("sig"))
    );
}

#[tokio::test]
async fn what_the_provider_does_not_count_is_estimated() {
    let mut stage = Stage::new([says(&["12345678"])]);
    stage.run(&asked("hi")).await.unwrap();
    let usage = stage.journal.replies[0].usage;
    assert!(usage.estimated && usage.output_tokens == 2 && usage.input_tokens > 100);
}

#[tokio::test(start_paused = true)]
async fn tools_run_side_by_side_and_their_results_go_back_in_the_order_of_the_calls() {
    let mut stage = Stage::new([
        calls(&[
            ("a", "echo", r#"{"text": "slow", "wait_ms": 900}"#),
            ("b", "mail", r#"{"text": "fast", "wait_ms": 100}"#),
        ]),
        says(&["done"]),
    ]);
    let began = Instant::now();

    stage.run(&asked("go")).await.unwrap();

    assert_eq!(began.elapsed(), Duration::from_millis(900));
    assert_eq!(
        stage.journal.lines,
        [
            "step",
            "call a echo",
            r#"input a {"text": "slow", "wait_ms": 900}"#,
            "call b mail",
            r#"input b {"text": "fast", "wait_ms": 100}"#,
            r#"ready a echo {"text":"slow","wait_ms":900}"#,
            r#"ready b mail {"text":"fast","wait_ms":100}"#,
            r#"reply "" [a:pure b:once]"#,
            r#"output b "fast""#,
            r#"output a "slow""#,
            "step",
            "text done",
            r#"end stop Some("done")"#,
        ]
    );
    let conversation = stage.last_conversation();
    assert_eq!(conversation.len(), 4);
    assert!(
        matches!(&conversation[2], ModelMessage::Tool { call_id, content, .. }
        if call_id == "a" && content.contains("slow"))
    );
    assert!(matches!(&conversation[3], ModelMessage::Tool { call_id, .. } if call_id == "b"));
}

#[tokio::test(start_paused = true)]
async fn no_more_tools_run_at_once_than_allowed() {
    let wait = r#"{"text": "x", "wait_ms": 100}"#;
    let mut stage = Stage::new([
        calls(&[
            ("a", "echo", wait),
            ("b", "echo", wait),
            ("c", "echo", wait),
        ]),
        says(&["."]),
    ]);
    stage.config.max_tools_at_once = 2;
    let began = Instant::now();
    stage.run(&asked("go")).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_millis(200));
}

#[tokio::test]
async fn what_the_model_got_wrong_is_told_to_it() {
    let mut stage = Stage::new([
        calls(&[
            ("a", "echo", "{oops"),
            ("b", "unknown", "{}"),
            ("c", "echo", r#"{"wait_ms": "long"}"#),
            ("d", "refuser", r#"{"text": "no such page"}"#),
            ("e", "echo", "[1]"),
            ("f", "echo", ""),
        ]),
        says(&["sorry"]),
    ]);

    stage.run(&asked("go")).await.unwrap();

    let lines = &stage.journal.lines;
    let has = |start: &str| {
        assert!(
            lines.iter().any(|line| line.starts_with(start)),
            "{start} in {lines:#?}"
        );
    };
    has(r#"refused a echo "{oops""#);
    has("refused b unknown {}");
    has("error a the arguments are no JSON: ");
    has("error b there is no tool named unknown; there are: echo, ");
    has("error c the arguments do not fit the schema of echo: ");
    has("error d no such page");
    has("error e the arguments are no JSON object");
    has("refused f echo {}");
    assert_eq!(*stage.runs.lock().unwrap(), ["d"]);
    let metered = stage.meter.calls();
    assert_eq!(metered.len(), 6);
    assert!(
        metered.contains(&"unknown rejected".to_owned()),
        "{metered:?}"
    );
    assert!(
        metered.contains(&"refuser rejected".to_owned()),
        "{metered:?}"
    );
    assert_eq!(lines.last().unwrap(), r#"end stop Some("sorry")"#);
}

#[tokio::test(start_paused = true)]
async fn a_panic_and_a_hang_are_results_and_not_the_end() {
    let mut stage = Stage::new([
        calls(&[
            ("a", "bomb", r#"{"text": "boom"}"#),
            ("b", "slow", r#"{"text": "", "wait_ms": 9000}"#),
        ]),
        says(&["well"]),
    ]);
    stage.run(&asked("go")).await.unwrap();
    assert_eq!(
        stage.journal.lines[8..10],
        [
            "error a bomb failed unexpectedly",
            "error b slow did not finish within 2 s and was stopped"
        ]
    );
    assert_eq!(stage.meter.calls(), ["bomb failed", "slow timeout"]);
}

#[tokio::test]
async fn a_fault_of_our_own_ends_the_turn() {
    let mut stage = Stage::new([calls(&[("a", "fatal", r#"{"text": "disk is full"}"#)])]);
    stage.run(&asked("go")).await.unwrap();
    assert_eq!(
        stage.journal.lines[4..],
        [
            r#"reply "" [a:pure]"#,
            "error a fatal failed because of a fault of the server",
            r#"failure "internal""#
        ]
    );
    assert!(!stage.journal.failure.unwrap().message.contains("disk"));
}

#[tokio::test]
async fn a_tool_that_needs_a_user_asks_an_anonymous_one_to_sign_in() {
    let private = || calls(&[("a", "private", r#"{"text": "x"}"#)]);
    let mut input = asked("go");
    input.turn.user_id = None;
    let mut stage = Stage::new([private(), says(&["."])]);
    stage.run(&input).await.unwrap();
    assert_eq!(
        stage.journal.lines[5],
        r#"output a "private needs a signed-in user. Please sign in first.""#
    );
    assert!(stage.runs.lock().unwrap().is_empty());
}

#[tokio::test]
async fn after_the_last_allowed_reply_its_calls_still_run() {
    let again = |id| calls(&[(id, "echo", r#"{"text": "x"}"#)]);
    let mut stage = Stage::new([again("a"), again("b")]);
    stage.config.max_steps = 2;
    stage.run(&asked("loop")).await.unwrap();
    assert_eq!(
        stage.journal.lines[11..],
        [r#"output b "x""#, "end tool-calls None"]
    );
}

#[tokio::test]
async fn ids_of_calls_are_unique_in_the_session() {
    let mut input = asked("go");
    let mut older = message(0, 1, Role::Assistant, "");
    older.tool_calls = vec![call("call_0", "echo", &json!({}))];
    input.history.insert(0, older);
    let args = r#"{"text": "x"}"#;
    let mut stage = Stage::new([
        calls(&[
            ("call_0", "echo", args),
            ("x", "echo", args),
            ("x", "echo", args),
        ]),
        says(&["."]),
    ]);
    stage.run(&input).await.unwrap();
    let ids: Vec<&str> = stage.journal.replies[0]
        .calls
        .iter()
        .map(|(call, _)| call.id.as_str())
        .collect();
    assert_eq!(
        ids,
        [
            "call_00000000000000000000000000000000",
            "x",
            "call_00000000000000000000000000000001"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_is_made_again_before_anything_was_shown() {
    let mut stage = Stage::new([
        DOWN,
        Script::Stream(vec![Act::Say(Delta::Alive), Act::Fail(Broken)]),
        says(&["up"]),
    ]);
    let began = Instant::now();
    stage.run(&asked("hi")).await.unwrap();
    assert_eq!(
        stage.journal.lines,
        ["step", "text up", r#"end stop Some("up")"#]
    );
    assert_eq!(began.elapsed(), Duration::from_millis(500 + 1000));
}

#[tokio::test]
async fn a_failed_call_is_never_made_again_once_something_was_shown() {
    for visible in [
        text("Hal"),
        Act::Say(Delta::Reasoning {
            text: "h".into(),
            signature: None,
        }),
        Act::Say(Delta::CallStart {
            slot: 0,
            id: "a".into(),
            name: "echo".into(),
        }),
    ] {
        let mut stage = Stage::new([Script::Stream(vec![
            visible,
            Act::Fail(Unavailable { retry_after: None }),
        ])]);
        let input = asked("hi");
        stage.run(&input).await.unwrap();
        assert_eq!(stage.journal.lines.len(), 3);
        assert_eq!(stage.journal.lines[2], r#"failure "stream_error""#);
        assert!(input.in_flight.partial().unwrap().usage.estimated);
    }
}

#[tokio::test]
async fn a_stream_without_its_end_is_a_broken_one() {
    let mut stage = Stage::new([Script::Stream(vec![text("Hal")])]);
    stage.run(&asked("hi")).await.unwrap();
    assert_eq!(stage.journal.lines[2], r#"failure "stream_error""#);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for() {
    let limited = RateLimited {
        retry_after: Some(Duration::from_secs(7)),
    };
    let mut stage = Stage::new([Script::Refuse(limited), says(&["ok"])]);
    let began = Instant::now();
    stage.run(&asked("hi")).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_that_is_too_long_ends_the_turn_and_is_told() {
    let limited = RateLimited {
        retry_after: Some(Duration::from_mins(10)),
    };
    let mut stage = Stage::new([Script::Refuse(limited)]);
    let began = Instant::now();
    stage.run(&asked("hi")).await.unwrap();
    assert_eq!(
        stage.journal.lines,
        ["step", r#"failure "llm_rate_limited""#]
    );
    assert_eq!(
        stage.journal.failure.unwrap().retry_after_seconds,
        Some(600)
    );
    assert!(began.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn the_fallback_models_come_after_the_retries() {
    let mut stage = Stage::new([DOWN, DOWN, Script::Refuse(Auth), says(&["spare"])]);
    stage.config.retry.max_retries = 1;
    stage.config.fallback_models = vec!["second".into(), "third".into()];
    stage.run(&asked("hi")).await.unwrap();
    assert_eq!(stage.models(), ["main", "main", "second", "third"]);
    assert_eq!(stage.journal.replies[0].model, "third");
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_wanted_models_error_is_told() {
    let mut stage = Stage::new([Script::Refuse(Auth), DOWN]);
    stage.config.retry.max_retries = 0;
    stage.config.models = vec!["large".into()];
    stage.config.fallback_models = vec!["spare".into()];
    let mut input = asked("hi");
    input.turn.request.model = Some("large".into());
    stage.run(&input).await.unwrap();
    assert_eq!(stage.models(), ["large", "spare"]);
    assert_eq!(stage.journal.lines, ["step", r#"failure "llm_auth""#]);
}

#[tokio::test(start_paused = true)]
async fn silence_counts_as_failed_and_slow_words_do_not() {
    let slow = Script::Stream(vec![
        Act::Wait(Duration::from_secs(100)),
        text("a"),
        Act::Wait(Duration::from_secs(100)),
        Act::Say(Delta::Alive),
        Act::Wait(Duration::from_secs(100)),
        end(FinishReason::Stop),
    ]);
    let mut stage = Stage::new([Script::Silence, slow]);
    let began = Instant::now();
    stage.run(&asked("hi")).await.unwrap();
    assert_eq!(
        stage.journal.lines,
        ["step", "text a", r#"end stop Some("a")"#]
    );
    assert_eq!(
        began.elapsed(),
        Duration::from_millis(120_000 + 500 + 300_000)
    );

    let mut stage = Stage::new([Script::Stream(vec![text("a"), Act::Hang])]);
    stage.run(&asked("hi")).await.unwrap();
    assert_eq!(
        stage.journal.lines,
        ["step", "text a", r#"failure "stream_error""#]
    );

    let mut stage = Stage::new([Script::Silence]);
    stage.config.retry.max_retries = 0;
    stage.run(&asked("hi")).await.unwrap();
    assert_eq!(
        stage.journal.lines,
        ["step", r#"failure "llm_unavailable""#]
    );
}

#[tokio::test]
async fn a_cancel_in_the_text_stops_at_once_and_says_nothing_further() {
    let mut stage =
        Stage::new([Script::Stream(vec![text("a"), text("b"), Act::Hang])]).cancel_at("text a");
    let input = asked("hi");
    assert_eq!(stage.run(&input).await, Err(Stopped));
    assert_eq!(stage.journal.lines, ["step", "text a"]);
    let partial = input.in_flight.partial().unwrap();
    assert_eq!(
        (partial.model.as_str(), partial.usage.output_tokens),
        ("main", 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancel_while_waiting_for_a_retry_or_the_first_byte_stops_at_once() {
    for first in [DOWN, Script::Silence] {
        let mut stage = Stage::new([first]);
        let cancel = stage.cancel.clone();
        let input = asked("hi");
        let later = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cancel.cancel();
        };
        let (ended, ()) = tokio::join!(stage.run(&input), later);
        assert_eq!(ended, Err(Stopped));
        assert_eq!(stage.journal.lines, ["step"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_in_the_tools_drops_them() {
    let mut stage = Stage::new([calls(&[
        ("a", "echo", r#"{"text": "x", "wait_ms": 5}"#),
        ("b", "mail", r#"{"text": "x", "wait_ms": 60000}"#),
    ])])
    .cancel_at("output a");
    let began = Instant::now();
    assert_eq!(stage.run(&asked("go")).await, Err(Stopped));
    assert_eq!(stage.journal.lines.last().unwrap(), r#"output a "x""#);
    assert_eq!(stage.meter.calls(), ["echo ok", "mail stopped"]);
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn no_tool_starts_when_the_journal_does_not_allow_it() {
    let mut stage = Stage::new([calls(&[("a", "echo", r#"{"text": "x"}"#)])]);
    stage.journal.is_fenced = true;
    assert_eq!(stage.run(&asked("go")).await, Err(Stopped));
    assert_eq!(stage.journal.lines.last().unwrap(), r#"reply "" [a:pure]"#);
    assert!(stage.runs.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_takeover_finishes_the_step_by_the_effects_of_its_calls() {
    let input_of = |text: &str| json!({ "text": text });
    let done =
        CallOutcome::Output(json!({"type": "echo", "message": "before", "session_id": null}));
    let input = taken_over(&[
        (call("m", "mail", &input_of("m")), Effect::Once, None),
        (call("d", "echo", &input_of("d")), Effect::Pure, Some(done)),
        (call("p", "echo", &input_of("p")), Effect::Pure, None),
        (call("s", "store", &input_of("s")), Effect::Idempotent, None),
    ]);
    let mut stage = Stage::new([says(&["done"])]);

    stage.run(&input).await.unwrap();

    assert_eq!(
        stage.journal.lines,
        [
            &format!("error m {UNKNOWN_OUTCOME}"),
            r#"output p "p""#,
            r#"output s "s""#,
            "step",
            "text done",
            r#"end stop Some("done")"#,
        ]
    );
    assert_eq!(*stage.runs.lock().unwrap(), ["p", "s"]);
    let results: Vec<(String, String)> = stage
        .last_conversation()
        .into_iter()
        .filter_map(|message| match message {
            ModelMessage::Tool {
                call_id, content, ..
            } => Some((call_id, content)),
            _ => None,
        })
        .collect();
    let ids: Vec<&str> = results.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["m", "d", "p", "s"]);
    assert!(results[0].1.contains("unknown") && results[1].1.contains("before"));
}

#[tokio::test]
async fn a_takeover_after_the_last_allowed_step_only_ends_the_turn() {
    let mut input = taken_over(&[(call("p", "echo", &json!({"text": "p"})), Effect::Pure, None)]);
    input.turn.steps = 30;
    let mut stage = Stage::new([]);
    stage.run(&input).await.unwrap();
    assert_eq!(
        stage.journal.lines,
        [r#"output p "p""#, "end tool-calls None"]
    );
}

#[tokio::test]
async fn the_background_goes_with_the_turns_message_and_nothing_later_is_seen() {
    let mut input = asked("now");
    input
        .turn
        .request
        .context
        .insert("url".into(), "https://example.org".into());
    let mut cancelled = message(0, 2, Role::User, "cancelled");
    cancelled.metadata.status = Some(MessageStatus::Cancelled);
    input.history.splice(
        0..0,
        [
            message(0, 0, Role::User, "before"),
            message(0, 1, Role::Assistant, ""),
            cancelled,
        ],
    );
    input.history.push(message(2, 0, Role::User, "waits"));
    let mut stage = Stage::new([says(&["."])]);

    stage.run(&input).await.unwrap();

    let conversation = stage.last_conversation();
    assert_eq!(conversation.len(), 2);
    assert_eq!(conversation[0], ModelMessage::user("before"));
    assert!(
        matches!(&conversation[1], ModelMessage::User { text, background: Some(background) }
        if text == "now" && background.contains("https://example.org"))
    );
}

#[tokio::test]
async fn a_turn_that_an_assistants_message_begins_runs_with_a_hidden_cue() {
    let mut stage = Stage::new([says(&["Go on"])]);
    stage.run(&greeted("Welcome!")).await.unwrap();
    let conversation = stage.last_conversation();
    assert!(matches!(&conversation[0], ModelMessage::Assistant { text, .. } if text == "Welcome!"));
    assert!(
        matches!(&conversation[1], ModelMessage::User { text, background: Some(_) } if text == CUE)
    );
}
