//! `kill -9` of the whole program: what was accepted goes on by itself, and ends once.

use std::time::Duration;

use copilot_harness::{Copilot, Gate, Reply, TestStack, Transcript, calls, text};
use serde_json::{Value, json};

use crate::conversation::{Conversation, each, lasting, lasting_end};
use crate::pieces::{joined, mended};

/// Assert that a reload shows one whole answer, and the row that it took `attempt` attempts.
async fn assert_answered(chat: &Conversation, seen: &Transcript, answer: &str, attempt: u32) {
    let turn = chat.turn_of(seen).until_status("completed").await;
    assert_eq!(turn["attempt"], attempt);
    assert_eq!(chat.last_message().await["content"], answer);
    let replayed = chat.turn_of(seen).events().to_finish().await;
    assert_eq!(replayed.of("data-step-retry").count(), 0);
    assert_eq!(replayed.fold().unwrap().text(), answer);
}

#[tokio::test]
async fn a_turn_killed_in_its_text_goes_on_by_itself_and_its_reader_gets_the_step_again() {
    let mut stack = TestStack::start().await;
    let never = Gate::new();
    stack
        .llm
        .script([text("one two ").gate(&never), text("one two three")]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("count").await;
    events.until_text(|text| text == "one two ").await;

    stack.copilot.kill9();
    let head = events.to_end().await;
    head.assert_broken();
    stack.copilot.start().await;
    let rest = chat.resume(head.last_cursor()).events().to_finish().await;

    let mark = &rest.first("data-step-retry").json["data"];
    assert_eq!(mark, &json!({"step": 1, "attempt": 2}));
    assert_eq!(rest.text(), "one two three");
    assert_eq!(mended([&head, &rest]).unwrap().text(), "one two three");
    assert_answered(&chat, &head, "one two three", 2).await;
    assert_eq!(stack.llm.requests().len(), 2);
    stack.finish().await;
}

#[tokio::test]
async fn a_reader_without_a_cursor_gets_a_clean_message_after_a_kill() {
    let mut stack = TestStack::start().await;
    let (never, gate) = (Gate::new(), Gate::new());
    stack.llm.script([
        text("lost words ").gate(&never),
        text("one ").gate(&gate).and_text("two"),
    ]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("count").await;
    events.until_text(|text| text == "lost words ").await;

    stack.restart().await;
    gate.reached().await;
    let mut fresh = chat.resume(None).open().await;
    fresh.until_text(|text| text == "one ").await;
    gate.release();
    let all = fresh.to_finish().await;

    assert_eq!(all.fold().unwrap().text(), "one two");
    assert_eq!(all.of("data-step-retry").count(), 0);
    assert_eq!(
        all.first("start").json["messageId"],
        events.seen().first("start").json["messageId"]
    );
    assert_answered(&chat, &all, "one two", 2).await;
    stack.finish().await;
}

#[tokio::test]
async fn a_turn_killed_before_its_first_word_is_answered_all_the_same() {
    let mut stack = TestStack::start().await;
    let never = Gate::new();
    stack
        .llm
        .script([text("x").gate_first_byte(&never), text("Here I am.")]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("hi").await;
    never.reached().await;
    events.until(|event| event.is("start")).await;

    stack.copilot.kill9();
    let head = events.to_end().await;
    stack.copilot.start().await;
    let rest = chat.resume(head.last_cursor()).events().to_finish().await;

    assert_eq!(mended([&head, &rest]).unwrap().text(), "Here I am.");
    assert_answered(&chat, &head, "Here I am.", 2).await;
    stack.finish().await;
}

#[tokio::test]
async fn what_was_finished_before_the_kill_is_neither_asked_nor_run_again() {
    let mut stack = TestStack::start().await;
    let never = Gate::new();
    stack.llm.script([
        calls("search_docs", json!({"query": "crash"})),
        text("x").gate_first_byte(&never),
        text("I found it."),
    ]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("find").await;
    events.until(|event| event.is("finish-step")).await;
    never.reached().await;
    let head = events.seen().clone();

    stack.restart().await;
    let rest = chat.resume(head.last_cursor()).events().to_finish().await;

    assert_eq!(joined(&head, &rest).unwrap().text(), "I found it.");
    assert_eq!(rest.of("tool-output-available").count(), 0);
    let requests = stack.llm.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(
        (requests[2].step(), requests[2].tool_results().len()),
        (1, 1)
    );
    let roles = chat.messages().await;
    assert_eq!(
        each(&roles, "role"),
        ["user", "assistant", "tool", "assistant"]
    );
    assert_answered(&chat, &head, "I found it.", 2).await;
    stack.finish().await;
}

#[tokio::test]
async fn killed_at_any_place_a_turn_ends_with_the_same_message() {
    for deltas in [0, 1, 2, 3, 4, 5] {
        let mut stack = TestStack::start().await;
        let never = Gate::new();
        let reply = || {
            Reply::text_then_calls("I look. ", "search_docs", json!({"query": "x"}))
                .reasoning("hm ")
        };
        stack
            .llm
            .script([reply().gate_after(deltas, &never), reply(), text("Found.")]);
        let chat = Conversation::begin(&stack).await;
        let mut events = chat.open("find").await;
        never.reached().await;

        stack.copilot.kill9();
        let head = events.to_end().await;
        stack.copilot.start().await;
        let rest = chat.resume(head.last_cursor()).events().to_finish().await;

        let message = mended([&head, &rest]);
        let message = message.unwrap_or_else(|error| panic!("after {deltas} deltas: {error}"));
        assert_eq!(message.text(), "I look. Found.", "after {deltas} deltas");
        assert_eq!(message.of("tool-search_docs").count(), 1);
        assert_eq!(chat.messages().await.len(), 4);
        stack.finish().await;
    }
}

#[tokio::test]
async fn killed_again_and_again_a_long_turn_still_ends_whole() {
    let mut stack = TestStack::builder()
        .env("COPILOT__TURN__MAX_ATTEMPTS", "20")
        .start()
        .await;
    stack.llm.respond(|asked| {
        let step = asked.step();
        let said = text(format!("step {step} says ")).and_text("a few words more ");
        let reply = match step {
            4 => said,
            _ => said.call("search_docs", json!({"query": format!("number {step}")})),
        };
        reply
            .reasoning("let me think ")
            .delay_between(Duration::from_millis(2))
    });
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("go").await;
    events.until(|event| event.is("start")).await;
    let mut heard: Vec<Transcript> = Vec::new();
    let mut cursor = None;

    for count in [3, 9, 14, 5, 22, 11] {
        for _ in 0..count {
            events.next_item().await;
        }
        stack.restart().await;
        heard.push(events.seen().clone());
        cursor = events.last_cursor().map(str::to_owned).or(cursor);
        events = chat.resume(cursor.as_deref()).events();
    }
    heard.push(events.to_end().await);

    let said = |step| format!("step {step} says a few words more ");
    let whole: Vec<String> = (0..5).map(said).collect();
    let message = mended(&heard).unwrap();
    assert_eq!(message.text(), whole.concat());
    assert_eq!(message.of("tool-search_docs").count(), 4);
    let replay = chat.turn_of(&heard[0]).events().to_finish().await;
    assert_eq!(replay.fold().unwrap().parts, message.parts);
    assert!(chat.turn_of(&heard[0]).get().await["attempt"].as_u64() > Some(1));
    assert_eq!(chat.messages().await.len(), 10);
    stack.finish().await;
}

#[tokio::test]
async fn a_waiting_turn_survives_the_kill_and_runs_behind_the_running_one() {
    let mut stack = TestStack::start().await;
    let never = Gate::new();
    stack.llm.script([
        text("x").gate_first_byte(&never),
        text("first"),
        text("second"),
    ]);
    let chat = Conversation::begin(&stack).await;
    let running = chat.background("one").await;
    never.reached().await;
    let waiting = chat.background("two").await;

    stack.restart().await;
    let ended = [
        running.until_status("completed").await,
        waiting.until_status("completed").await,
    ];

    assert_eq!(
        (&ended[0]["attempt"], &ended[1]["attempt"]),
        (&json!(2), &json!(1))
    );
    let messages = chat.messages().await;
    assert_eq!(
        each(&messages, "content"),
        ["one", "first", "two", "second"]
    );
    stack.finish().await;
}

#[tokio::test]
async fn a_turn_that_was_lost_too_often_fails_with_a_clear_error() {
    let mut stack = TestStack::builder()
        .env("COPILOT__TURN__MAX_ATTEMPTS", "2")
        .start()
        .await;
    let never = Gate::new();
    stack.llm.default_reply(text("half ").gate(&never));
    let chat = Conversation::begin(&stack).await;
    let turn = chat.background("count").await;
    never.reached().await;
    stack.restart().await;
    never.reached_by(2).await;

    stack.restart().await;
    let failed = turn.until_status("failed").await;
    let seen = turn.events().to_finish().await;

    assert_eq!(failed["error"]["code"], "attempts_exhausted");
    assert_eq!(seen.error_code(), Some("attempts_exhausted"));
    assert_eq!(lasting_end(&seen), ["data-error", "error", "finish"]);
    let shown = chat.last_message().await;
    assert_eq!(shown["metadata"]["error"]["code"], "attempts_exhausted");
    assert_eq!(stack.llm.requests().len(), 2);
    never.release();
    assert_eq!(chat.ask("again").await.text(), "half ");
    stack.finish().await;
}

#[tokio::test]
async fn progress_forgives_the_attempts_that_were_lost_before_it() {
    let mut stack = TestStack::builder()
        .env("COPILOT__TURN__MAX_ATTEMPTS", "2")
        .start()
        .await;
    let gates = [Gate::new(), Gate::new(), Gate::new()];
    let search = |word: &str| calls("search_docs", json!({"query": word}));
    stack.llm.script([
        text("x").gate_first_byte(&gates[0]),
        search("first"),
        text("x").gate_first_byte(&gates[1]),
        search("second"),
        text("x").gate_first_byte(&gates[2]),
        text("Done."),
    ]);
    let chat = Conversation::begin(&stack).await;
    let turn = chat.background("find").await;

    for gate in &gates {
        gate.reached().await;
        stack.restart().await;
    }

    let ended = turn.until_status("completed").await;
    assert_eq!(ended["attempt"], 4);
    assert_eq!(
        turn.events().to_finish().await.fold().unwrap().text(),
        "Done."
    );
    stack.finish().await;
}

#[tokio::test]
async fn what_was_accepted_just_before_the_kill_runs() {
    let mut stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("hi").await;
    events.next_item().await;

    stack.copilot.kill9();
    stack.copilot.start().await;

    let turns = chat.client.list_turns(&chat.id).ok().await;
    let id = turns["turns"][0]["id"].as_str().unwrap();
    let turn = chat.client.known_turn(&chat.id, id);
    turn.until_status("completed").await;
    assert_eq!(each(&chat.messages().await, "content"), ["hi", "ok"]);
    stack.finish().await;
}

#[tokio::test]
async fn a_repeat_after_the_kill_attaches_to_the_turn_that_was_accepted() {
    let mut stack = TestStack::start().await;
    let never = Gate::new();
    stack
        .llm
        .script([text("half ").gate(&never), text("whole")]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.say("hi").message_id("m-1").open().await;
    events.until_text(|text| text == "half ").await;

    stack.restart().await;
    let again = chat.say("hi").message_id("m-1").events().to_finish().await;

    assert_eq!(again.turn_id(), events.seen().turn_id());
    assert_eq!(mended([&again]).unwrap().text(), "whole");
    assert_eq!(chat.client.list_turns(&chat.id).ok().await["total"], 1);
    stack.finish().await;
}

#[tokio::test]
async fn a_cancel_after_the_kill_keeps_the_steps_that_were_saved() {
    let mut stack = TestStack::start().await;
    let (first, second) = (Gate::new(), Gate::new());
    stack.llm.script([
        calls("search_docs", json!({"query": "x"})),
        text("lost ").gate(&first),
        text("kept ").gate(&second),
    ]);
    let chat = Conversation::begin(&stack).await;
    let turn = chat.background("find").await;
    first.reached().await;
    stack.restart().await;
    let mut events = turn.events();
    // What is lost may be shown before it, where the stream outlives the process.
    events.until_text(|text| text.ends_with("kept ")).await;

    chat.cancel(None).ok().await;

    let seen = events.to_finish().await;
    assert_eq!(lasting(&seen).last_chunk(), Some(&["abort", "finish"]));
    let messages = chat.messages().await;
    assert_eq!(
        each(&messages, "role"),
        ["user", "assistant", "tool", "assistant"]
    );
    assert_eq!(messages[3]["content"], "kept ");
    assert_eq!(chat.ask("go on").await.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn a_kill_leaves_nothing_stuck() {
    let mut stack = TestStack::start().await;
    let never = Gate::new();
    stack
        .llm
        .script((0..4).map(|_| text("x").gate_first_byte(&never)));
    let mut turns = Vec::new();
    for number in 0..4 {
        turns.push(stack.client.turn(&format!("question {number}")).await);
    }
    never.reached_by(4).await;

    stack.restart().await;
    for turn in &turns {
        turn.until_status("completed").await;
    }

    assert_eq!(
        stack
            .client
            .turn("one more")
            .await
            .until_status("completed")
            .await["attempt"],
        1
    );
    let health = stack.client.get("/api/chat/health").ok().await;
    assert_eq!(health["status"], "healthy");
    stack.finish().await;
}

#[tokio::test]
async fn a_second_copilot_on_the_same_database_stops_with_a_clear_line() {
    let stack = TestStack::builder().embedded().start().await;
    let file = stack.copilot.directory().join("copilot.db");
    let mut second = Copilot::new().env(
        "COPILOT__DATABASE__URL",
        format!("sqlite://{}?mode=rwc", file.display()),
    );

    second.spawn();
    let exit = second.wait_exit(Duration::from_secs(20)).await;

    assert!(!exit.success());
    let log = second.log();
    let last = log.lines().last().unwrap_or_default();
    assert!(
        last.contains("copilot.db") && !log.contains("panicked"),
        "{log}"
    );
    let chat = Conversation::begin(&stack).await;
    assert_eq!(chat.ask("still there?").await.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn a_kill_while_the_first_program_waits_frees_its_database() {
    let mut stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    chat.ask("hi").await;

    for _ in 0..3 {
        stack.copilot.kill9();
        stack.copilot.start().await;
    }

    assert_eq!(chat.messages().await.len(), 2);
    assert_eq!(chat.read().await["active_stream"], Value::Null);
    stack.finish().await;
}
