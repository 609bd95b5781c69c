//! Stopping: the running turn, a waiting one, one that is not there.

use copilot_harness::{Gate, TestStack, calls, text};
use serde_json::{Value, json};

use crate::conversation::{Conversation, each, lasting_end, told};

const NOBODYS: &str = "01890000-0000-7000-8000-000000000000";

#[tokio::test]
async fn a_running_turn_stops_and_its_partial_answer_is_kept() {
    let stack = TestStack::start().await;
    let never = Gate::new();
    stack
        .llm
        .script([text("one two ").gate(&never).and_text("three")]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("count").await;
    events.until_text(|text| text == "one two ").await;
    let turn = chat.turn_of(events.seen());

    let cancelled = chat.cancel(None).ok().await;
    let seen = events.to_finish().await;

    let expected =
        json!({"cancelled": true, "reason": null, "turn_id": turn.id, "status": "cancelled"});
    assert_eq!(cancelled, expected);
    assert_eq!(
        lasting_end(&seen),
        ["text-end", "finish-step", "abort", "finish"]
    );
    assert_eq!(
        seen.first("finish").json["messageMetadata"]["finishReason"],
        "interrupted"
    );
    assert_eq!(seen.fold().unwrap().text(), "one two ");
    let ended = turn.get().await;
    assert_eq!(
        (&ended["status"], &ended["finish_reason"]),
        (&json!("cancelled"), &json!("interrupted"))
    );
    assert_eq!(
        (&ended["error"], &ended["usage"]["estimated"]),
        (&Value::Null, &json!(true))
    );
    stack.llm.idle().await;
    assert_eq!(stack.llm.abandoned_replies(), 1);
    stack.finish().await;
}

#[tokio::test]
async fn after_a_cancel_a_reload_shows_the_partial_answer_and_the_next_turn_builds_on_it() {
    let stack = TestStack::start().await;
    let never = Gate::new();
    stack.llm.script([text("one two ").gate(&never)]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("count").await;
    events.until_text(|text| text == "one two ").await;
    chat.cancel(None).ok().await;

    let session = chat.read().await;
    assert_eq!(
        (&session["status"], &session["active_stream"]),
        (&json!("idle"), &Value::Null)
    );
    let partial = chat.last_message().await;
    assert_eq!(
        (&partial["role"], &partial["content"]),
        (&json!("assistant"), &json!("one two "))
    );
    assert_eq!(partial["metadata"]["finish_reason"], "interrupted");
    assert_eq!(
        partial["id"],
        events.seen().first("start").json["messageId"]
    );
    assert_eq!(chat.ask("go on").await.text(), "ok");

    assert!(told(&stack.llm.requests()[1]).contains("one two "));
    stack.finish().await;
}

#[tokio::test]
async fn a_turn_cancelled_before_its_first_word_leaves_an_empty_message_that_no_model_sees() {
    let stack = TestStack::start().await;
    let never = Gate::new();
    stack.llm.script([text("x").gate_first_byte(&never)]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("hi").await;
    never.reached().await;

    chat.cancel(None).ok().await;

    let seen = events.to_finish().await;
    assert_eq!(lasting_end(&seen), ["abort", "finish"]);
    assert_eq!(seen.of("error").count(), 0);
    let messages = chat.messages().await;
    assert_eq!(each(&messages, "role"), ["user", "assistant"]);
    assert_eq!(messages[1]["content"].as_str().unwrap_or_default(), "");
    assert_eq!(chat.ask("again").await.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn a_cancel_while_the_model_writes_a_call_leaves_a_valid_history() {
    let stack = TestStack::start().await;
    let never = Gate::new();
    let call = calls("search_docs", json!({"query": "a rather long question"}));
    stack.llm.script([call.gate_after(3, &never)]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("hi").await;
    events.until(|event| event.is("tool-input-delta")).await;

    chat.cancel(None).ok().await;

    let seen = events.to_finish().await;
    assert_eq!(
        lasting_end(&seen),
        ["tool-output-error", "finish-step", "abort", "finish"]
    );
    let replayed = chat.turn_of(&seen).events().to_finish().await;
    assert_eq!(replayed.fold().unwrap(), seen.fold().unwrap());
    assert_eq!(chat.ask("again").await.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn a_cancel_in_a_later_step_keeps_the_earlier_ones() {
    let stack = TestStack::start().await;
    let never = Gate::new();
    stack.llm.script([
        calls("search_docs", json!({"query": "cancel"})),
        text("I found ").gate(&never),
    ]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("find").await;
    events.until_text(|text| text == "I found ").await;

    chat.cancel(None).ok().await;

    assert_eq!(lasting_end(&events.to_finish().await), ["abort", "finish"]);
    let messages = chat.messages().await;
    assert_eq!(
        each(&messages, "role"),
        ["user", "assistant", "tool", "assistant"]
    );
    assert_eq!(messages[3]["content"], "I found ");
    assert_eq!(chat.ask("go on").await.text(), "ok");
    assert_eq!(stack.llm.requests()[2].tool_results().len(), 1);
    stack.finish().await;
}

#[tokio::test]
async fn a_waiting_turn_is_dequeued_and_never_sent_to_the_model() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([text("first").gate_first_byte(&gate)]);
    let chat = Conversation::begin(&stack).await;
    let running = chat.background("one").await;
    gate.reached().await;
    let mut waiting = chat.open("the waiting message").await;
    waiting.until(|event| event.is("start")).await;
    let turn = chat.turn_of(waiting.seen());

    let cancelled = chat.cancel(Some(&turn)).ok().await;

    let expected =
        json!({"cancelled": true, "reason": "dequeued", "turn_id": turn.id, "status": "cancelled"});
    assert_eq!(cancelled, expected);
    assert_eq!(
        lasting_end(&waiting.to_finish().await),
        ["start", "abort", "finish"]
    );
    gate.release();
    running.until_status("completed").await;
    let messages = chat.messages().await;
    let dequeued = messages
        .iter()
        .find(|message| message["content"] == "the waiting message")
        .unwrap();
    assert_eq!(dequeued["metadata"]["status"], "cancelled");
    chat.ask("three").await;
    let asked = told(&stack.llm.requests()[1]);
    assert!(asked.contains("three") && !asked.contains("the waiting message"));
    assert_eq!(turn.get().await["status"], "cancelled");
    stack.finish().await;
}

#[tokio::test]
async fn a_cancel_of_the_running_turn_by_id_lets_the_waiting_one_run() {
    let stack = TestStack::start().await;
    let never = Gate::new();
    stack
        .llm
        .script([text("half ").gate(&never), text("second")]);
    let chat = Conversation::begin(&stack).await;
    let running = chat.background("one").await;
    never.reached().await;
    let waiting = chat.background("two").await;

    let cancelled = chat.cancel(Some(&running)).ok().await;

    assert_eq!(
        (&cancelled["reason"], &cancelled["turn_id"]),
        (&Value::Null, &json!(running.id))
    );
    waiting.until_status("completed").await;
    assert_eq!(running.get().await["status"], "cancelled");
    assert_eq!(waiting.events().to_finish().await.text(), "second");
    stack.finish().await;
}

#[tokio::test]
async fn a_cancel_without_a_turn_stops_the_running_and_all_waiting_ones() {
    let stack = TestStack::start().await;
    let never = Gate::new();
    stack.llm.script([text("half ").gate(&never)]);
    let chat = Conversation::begin(&stack).await;
    let running = chat.background("one").await;
    never.reached().await;
    let waiting = [chat.background("two").await, chat.background("three").await];

    let cancelled = chat.cancel(None).ok().await;

    assert_eq!(
        (&cancelled["turn_id"], &cancelled["status"]),
        (&json!(running.id), &json!("cancelled"))
    );
    for turn in waiting.iter().chain([&running]) {
        turn.until_status("cancelled").await;
    }
    assert_eq!(stack.llm.requests().len(), 1);
    assert_eq!(chat.read().await["status"], "idle");
    stack.finish().await;
}

#[tokio::test]
async fn where_nothing_runs_there_is_nothing_to_cancel() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let nothing =
        json!({"cancelled": true, "reason": "no_active_session", "turn_id": null, "status": null});

    assert_eq!(chat.cancel(None).ok().await, nothing);
    let ended = chat.ask("hi").await;
    assert_eq!(chat.cancel(None).ok().await, nothing);
    let of_ended = chat.cancel(Some(&chat.turn_of(&ended))).ok().await;

    assert_eq!(
        (&of_ended["cancelled"], &of_ended["reason"]),
        (&json!(true), &json!("no_active_session"))
    );
    assert_eq!(chat.turn_of(&ended).get().await["status"], "completed");
    stack.finish().await;
}

#[tokio::test]
async fn a_cancel_of_an_ended_turn_does_not_hit_the_next_one() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack
        .llm
        .script([text("first"), text("second").gate_first_byte(&gate)]);
    let chat = Conversation::begin(&stack).await;
    let ended = chat.ask("one").await;
    let running = chat.background("two").await;
    gate.reached().await;

    let cancelled = chat.cancel(Some(&chat.turn_of(&ended))).ok().await;

    assert_eq!(cancelled["reason"], "no_active_session");
    gate.release();
    running.until_status("completed").await;
    stack.finish().await;
}

#[tokio::test]
async fn a_cancel_of_what_is_not_there_is_refused() {
    let stack = TestStack::start().await;
    let (chat, other) = (
        Conversation::begin(&stack).await,
        Conversation::begin(&stack).await,
    );
    let elsewhere = other.ask("hi").await;

    stack.client.cancel(NOBODYS, None).problem(404).await;
    stack
        .client
        .cancel(&chat.id, Some(NOBODYS))
        .problem(404)
        .await;
    stack
        .client
        .cancel(&chat.id, Some(elsewhere.turn_id()))
        .problem(404)
        .await;
    let problem = stack
        .client
        .cancel(&chat.id, Some("nonsense"))
        .problem(422)
        .await;

    assert_eq!(problem.fields(), ["turn_id"]);
    stack.finish().await;
}

#[tokio::test]
async fn the_body_of_a_cancel_may_be_left_out_in_any_way() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let never = Gate::new();
    stack.llm.default_reply(text("half ").gate(&never));

    let path = format!("/api/chat/sessions/{}/cancel", chat.id);
    for call in [
        stack.client.post(&path),
        stack.client.post(&path).raw_body("application/json", ""),
        stack.client.post(&path).raw_body("application/json", "{}"),
        stack.client.post(&path).field("turn_id", Value::Null),
    ] {
        let turn = chat.background("count").await;
        let cancelled = call.ok().await;
        assert_eq!(cancelled["turn_id"], turn.id.as_str());
        turn.until_status("cancelled").await;
    }
    stack
        .client
        .post(&path)
        .raw_body("application/json", "{no")
        .problem(400)
        .await;
    stack.finish().await;
}

#[tokio::test]
async fn a_cancelled_turn_stays_cancelled_after_a_restart() {
    let mut stack = TestStack::start().await;
    let never = Gate::new();
    stack.llm.script([text("half ").gate(&never)]);
    let chat = Conversation::begin(&stack).await;
    let running = chat.background("one").await;
    never.reached().await;
    let waiting = chat.background("two").await;
    chat.cancel(None).ok().await;

    stack.restart().await;

    for turn in [&running, &waiting] {
        assert_eq!(turn.get().await["status"], "cancelled");
        assert_eq!(
            lasting_end(&turn.events().to_finish().await),
            ["abort", "finish"]
        );
    }
    assert_eq!(chat.ask("three").await.text(), "ok");
    assert_eq!(stack.llm.requests().len(), 2);
    stack.finish().await;
}
