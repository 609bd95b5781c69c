//! What a stream says to clients of the AI SDK 6 and 7, and how they ask for it.

use copilot_harness::client::user_message;
use copilot_harness::{Event, Gate, TestStack, Transcript, calls, text};
use serde_json::json;

use crate::conversation::{Conversation, lasting, lasting_end};

/// Whether `finish` says why, which v5 does not know.
fn is_v6(seen: &Transcript) -> bool {
    seen.first("finish").json["finishReason"] == "stop"
}

#[tokio::test]
async fn a_profile_is_asked_for_by_query_by_header_and_by_setting() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    assert!(!is_v6(&chat.ask("plain").await));
    let by_query = chat.say("query").query("profile", "v6").events();
    assert!(is_v6(&{ by_query }.to_finish().await));
    let by_header = chat.say("header").header("x-stream-profile", "v7").events();
    assert!(is_v6(&{ by_header }.to_finish().await));
    let sent = stack
        .client
        .ai_sdk_send("chat", [user_message("m1", "hi")])
        .query("profile", "v6");
    assert!(is_v6(&sent.events().to_finish().await));
    for wrong in ["v4", "v8", "", "V6"] {
        let problem = chat.say("x").query("profile", wrong).problem(422).await;
        assert_eq!(problem.fields(), ["profile"], "{wrong}");
    }
    stack.finish().await;

    let stack = TestStack::builder()
        .env("COPILOT__STREAM__PROFILE", "v6")
        .start()
        .await;
    let chat = Conversation::begin(&stack).await;
    let seen = chat.ask("hi").await;
    assert!(is_v6(&seen));
    let replay = chat.client.replay(&chat.id, seen.turn_id(), None);
    assert!(is_v6(&replay.events().to_finish().await));
    let old = chat.client.replay(&chat.id, seen.turn_id(), None);
    assert!(!is_v6(
        &old.query("profile", "v5").events().to_finish().await
    ));
    stack.finish().await;
}

#[tokio::test]
async fn a_cancel_tells_its_reason_from_v6_on() {
    for (profile, tells) in [("v5", false), ("v6", true), ("v7", true)] {
        let stack = TestStack::start().await;
        let gate = Gate::new();
        stack.llm.script([text("one ").gate(&gate)]);
        let chat = Conversation::begin(&stack).await;
        let mut events = chat.say("count").query("profile", profile).open().await;
        events.until_text(|text| text == "one ").await;

        chat.cancel(None).ok().await;

        let seen = events.to_finish().await;
        assert_eq!(lasting_end(&seen), ["abort", "finish"], "{profile}");
        let reason = &seen.first("abort").json["reason"];
        assert_eq!(reason.is_string(), tells, "{profile}: {reason}");
        stack.finish().await;
    }
}

#[tokio::test]
async fn a_call_that_no_tool_takes_is_an_input_error_from_v6_on() {
    for (profile, kind) in [
        ("v5", "tool-input-available"),
        ("v6", "tool-input-error"),
        ("v7", "tool-input-error"),
    ] {
        let stack = TestStack::start().await;
        stack.llm.script([
            calls("search_docs", json!({"query": 5})).call("no_such_tool", json!({})),
            text("Sorry."),
        ]);
        let chat = Conversation::begin(&stack).await;

        let asked = chat.say("find").query("profile", profile);
        let seen = asked.events().to_finish().await;

        assert_eq!(seen.of(kind).count(), 2, "{profile}");
        assert_eq!(seen.of("tool-output-error").count(), 2, "{profile}");
        if kind == "tool-input-error" {
            let said = seen.first(kind).json["errorText"].as_str().unwrap();
            assert!(said.contains("query"), "{said}");
        }
        assert_eq!(seen.text(), "Sorry.");
        // The model was told, and a replay says the same.
        assert_eq!(stack.llm.requests()[1].tool_results().len(), 2);
        let replay = chat.client.replay(&chat.id, seen.turn_id(), None);
        let replay = replay.query("profile", profile).events().to_finish().await;
        assert_eq!(lasting(&replay), lasting(&seen), "{profile}");
        stack.finish().await;
    }
}

#[tokio::test]
async fn a_step_that_died_is_reset_in_v7_and_told_as_a_retry_in_v6() {
    for profile in ["v6", "v7"] {
        let mut stack = TestStack::start().await;
        let never = Gate::new();
        stack
            .llm
            .script([text("one ").gate(&never), text("one two")]);
        let chat = Conversation::begin(&stack).await;
        let mut events = chat.say("count").query("profile", profile).open().await;
        events.until_text(|text| text == "one ").await;

        stack.copilot.kill9();
        let head = events.to_end().await;
        stack.copilot.start().await;
        let resumed = chat.resume(head.last_cursor()).query("profile", profile);
        let rest = resumed.events().to_finish().await;

        let marks = |kind| rest.of(kind).count();
        let behind: Vec<&Event> = rest
            .events
            .iter()
            .skip_while(|event| !["reset-step", "data-step-retry"].contains(&event.kind()))
            .collect();
        if profile == "v7" {
            assert_eq!((marks("reset-step"), marks("data-step-retry")), (1, 0));
            assert_eq!(marks("start-step"), 0, "the client's step is still open");
        } else {
            assert_eq!((marks("reset-step"), marks("data-step-retry")), (0, 1));
            assert_eq!(marks("start-step"), 1);
        }
        let said: String = behind
            .iter()
            .filter(|event| event.is_text())
            .map(|event| event.str("delta"))
            .collect();
        assert_eq!(said, "one two", "{profile}");
        stack.finish().await;
    }
}
