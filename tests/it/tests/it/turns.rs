//! Turns: accepted once, in order, one at a time in a session.

use copilot_harness::{Gate, TestStack, text};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::conversation::{Conversation, each, lasting, lasting_end, told};

#[tokio::test]
async fn waiting_turns_run_in_the_order_of_their_acceptance() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([text("answer").gate_first_byte(&gate)]);
    let chat = Conversation::begin(&stack).await;
    let mut turns = Vec::new();
    for number in 0..5 {
        turns.push(chat.background(&format!("question {number}")).await);
    }
    gate.reached().await;
    assert_eq!(turns[0].get().await["status"], "running");
    for turn in &turns[1..] {
        let waiting = turn.get().await;
        assert_eq!(
            (&waiting["status"], &waiting["started_at"]),
            (&json!("queued"), &Value::Null)
        );
    }

    gate.release();
    for turn in &turns {
        turn.until_status("completed").await;
    }

    let requests = stack.llm.requests();
    assert_eq!(requests.len(), 5);
    for (number, request) in requests.iter().enumerate() {
        assert!(told(request).contains(&format!("question {number}")));
        assert!(!told(request).contains(&format!("question {}", number + 1)));
    }
    let contents = chat.messages().await;
    assert_eq!(
        each(&contents, "content")[..3],
        ["question 0", "answer", "question 1"]
    );
    stack.finish().await;
}

#[tokio::test]
async fn a_running_turn_never_sees_a_message_that_waits() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    let search = copilot_harness::calls("search_docs", json!({"query": "x"}));
    stack
        .llm
        .script([search.gate_first_byte(&gate), text("first"), text("second")]);
    let chat = Conversation::begin(&stack).await;
    chat.background("one").await;
    gate.reached().await;

    let waiting = chat.background("the waiting message").await;
    gate.release();
    waiting.until_status("completed").await;

    let requests = stack.llm.requests();
    assert!(!told(&requests[1]).contains("the waiting message"));
    assert!(told(&requests[2]).contains("the waiting message"));
    stack.finish().await;
}

#[tokio::test]
async fn a_client_that_does_not_want_to_wait_is_told_which_turn_is_in_the_way() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([text("first").gate_first_byte(&gate)]);
    let chat = Conversation::begin(&stack).await;
    let running = chat.background("one").await;

    let problem = chat.say("two").on_busy("reject").problem(409).await;
    let in_background = chat
        .client
        .start_turn(&chat.id, "two")
        .on_busy("reject")
        .problem(409)
        .await;

    assert_eq!(problem.rest["turn_id"], running.id.as_str());
    assert_eq!(in_background.rest["turn_id"], running.id.as_str());
    assert_eq!(each(&chat.messages().await, "content"), ["one"]);
    gate.release();
    running.until_status("completed").await;
    let answer = chat.say("two").on_busy("reject").events().to_finish().await;
    assert_eq!(answer.text(), "ok");
    stack.finish().await;
}

#[tokio::test]
async fn an_interrupting_message_stops_what_runs_and_what_waits() {
    let stack = TestStack::start().await;
    let never = Gate::new();
    stack
        .llm
        .script([text("half ").gate(&never), text("new answer")]);
    let chat = Conversation::begin(&stack).await;
    let mut running = chat.open("one").await;
    running.until_text(|text| text == "half ").await;
    let waiting = chat.background("the waiting message").await;

    let answer = chat
        .apart()
        .say("three")
        .on_busy("interrupt")
        .events()
        .to_finish()
        .await;

    assert_eq!(lasting_end(&running.to_finish().await), ["abort", "finish"]);
    assert_eq!(answer.text(), "new answer");
    assert_eq!(
        waiting.until_status("cancelled").await["started_at"],
        Value::Null
    );
    let asked = told(&stack.llm.requests()[1]);
    assert!(asked.contains("half ") && asked.contains("three"));
    assert!(!asked.contains("the waiting message"));
    stack.finish().await;
}

#[tokio::test]
async fn the_same_message_id_attaches_and_never_runs_twice() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([text("one ").gate(&gate).and_text("two")]);
    let chat = Conversation::begin(&stack).await;
    let mut first = chat.say("count").message_id("m-1").open().await;
    first.until_text(|text| text == "one ").await;

    let mut second = chat.apart().say("count").message_id("m-1").open().await;
    second.until_text(|text| text == "one ").await;
    gate.release();
    let (first, second) = futures::join!(first.to_finish(), second.to_finish());
    let third = chat
        .say("count")
        .message_id("m-1")
        .events()
        .to_finish()
        .await;
    let in_background = chat
        .client
        .start_turn(&chat.id, "count")
        .message_id("m-1")
        .status(202)
        .await;

    for again in [&second, &third] {
        assert_eq!(again.fold().unwrap(), first.fold().unwrap());
    }
    assert_eq!(in_background.json()["id"], first.turn_id());
    assert_eq!(stack.llm.requests().len(), 1);
    assert_eq!(chat.messages().await.len(), 2);
    stack.finish().await;
}

#[tokio::test]
async fn twenty_requests_with_one_key_make_one_turn() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    let answers = join_all((0..20).map(async |_| {
        let call = chat.apart().say("only once").message_id("m-1");
        call.events().to_finish().await
    }))
    .await;

    for answer in &answers {
        assert_eq!(answer.turn_id(), answers[0].turn_id());
        assert_eq!(answer.fold().unwrap(), answers[0].fold().unwrap());
    }
    assert_eq!(stack.llm.requests().len(), 1);
    assert_eq!(chat.client.list_turns(&chat.id).ok().await["total"], 1);
    stack.finish().await;
}

#[tokio::test]
async fn twenty_messages_at_once_all_run_one_after_the_other() {
    let stack = TestStack::builder()
        .env("COPILOT__TURN__MAX_IN_FLIGHT_PER_USER", "50")
        .start()
        .await;
    let chat = Conversation::begin(&stack).await;

    let answers = join_all((0..20).map(async |number| {
        let call = chat.apart().say(&format!("question {number}"));
        call.events().to_finish().await
    }))
    .await;

    assert!(answers.iter().all(|answer| answer.text() == "ok"));
    let messages = chat.messages().await;
    assert_eq!(messages.len(), 40);
    for pair in messages.chunks(2) {
        assert_eq!(each(pair, "role"), ["user", "assistant"]);
        assert_eq!(pair[0]["turn_id"], pair[1]["turn_id"]);
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_key_lives_as_long_as_its_turn() {
    let mut stack = TestStack::start().await;
    stack.llm.script([text("the answer")]);
    let chat = Conversation::begin(&stack).await;
    let live = chat.say("ask").message_id("m-1").events().to_finish().await;

    stack.restart().await;
    let again = chat.say("ask").message_id("m-1").events().to_finish().await;

    assert_eq!(again.fold().unwrap(), live.fold().unwrap());
    assert_eq!(stack.llm.requests().len(), 1);
    let other = Conversation::begin(&stack).await;
    let elsewhere = other
        .say("ask")
        .message_id("m-1")
        .events()
        .to_finish()
        .await;
    assert_ne!(elsewhere.turn_id(), live.turn_id());
    stack.finish().await;
}

#[tokio::test]
async fn one_key_with_another_content_is_a_mistake() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    chat.say("this")
        .message_id("m-1")
        .events()
        .to_finish()
        .await;

    let by_field = chat.say("that").message_id("m-1").problem(422).await;
    let by_header = chat.say("that").idempotency_key("m-1").problem(422).await;
    let in_background = chat
        .client
        .start_turn(&chat.id, "that")
        .message_id("m-1")
        .problem(422)
        .await;

    for problem in [by_field, by_header, in_background] {
        assert_eq!(problem.code, "idempotency_mismatch");
    }
    assert_eq!(chat.messages().await.len(), 2);
    stack.finish().await;
}

#[tokio::test]
async fn header_and_field_are_one_key_and_must_not_differ() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    let by_header = chat
        .say("hi")
        .idempotency_key("k-1")
        .events()
        .to_finish()
        .await;
    let by_field = chat.say("hi").message_id("k-1").events().to_finish().await;
    let by_both = chat
        .say("hi")
        .message_id("k-1")
        .idempotency_key("k-1")
        .events()
        .to_finish()
        .await;
    chat.say("hi")
        .message_id("k-1")
        .idempotency_key("k-2")
        .problem(422)
        .await;

    assert_eq!(by_field.turn_id(), by_header.turn_id());
    assert_eq!(by_both.turn_id(), by_header.turn_id());
    assert_eq!(stack.llm.requests().len(), 1);
    stack.finish().await;
}

#[tokio::test]
async fn messages_without_a_key_are_never_the_same() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    let (first, second) = (chat.ask("hi").await, chat.ask("hi").await);

    assert_ne!(first.turn_id(), second.turn_id());
    assert_eq!(chat.messages().await.len(), 4);
    stack.finish().await;
}

#[tokio::test]
async fn a_background_turn_can_be_followed_by_its_row() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack
        .llm
        .script([text("done").gate_first_byte(&gate).usage(7, 3, 0, 0)]);
    let chat = Conversation::begin(&stack).await;

    let started = chat
        .client
        .start_turn(&chat.id, "hi")
        .status(202)
        .await
        .json();
    let turn = chat
        .client
        .known_turn(&chat.id, started["id"].as_str().unwrap());
    gate.reached().await;
    let running = turn.get().await;
    gate.release();
    let ended = turn.until_status("completed").await;

    assert_eq!(started["session_id"], chat.id.as_str());
    assert_eq!(
        (&running["status"], &running["attempt"]),
        (&json!("running"), &json!(1))
    );
    assert!(running["started_at"].is_string());
    for empty in ["finished_at", "finish_reason", "error"] {
        assert!(
            running.get(empty).is_some_and(Value::is_null),
            "{empty}: {running}"
        );
    }
    assert!(ended["finished_at"].is_string() && ended["error"].is_null());
    assert_eq!(
        (&ended["finish_reason"], &ended["usage"]["total_tokens"]),
        (&json!("stop"), &json!(10))
    );
    assert_eq!(turn.events().to_finish().await.text(), "done");
    stack.finish().await;
}

#[tokio::test]
async fn turns_are_listed_newest_first_in_pages() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let mut ids = Vec::new();
    for message in ["one", "two", "three"] {
        ids.insert(0, chat.ask(message).await.turn_id().to_owned());
    }

    let all = chat.client.list_turns(&chat.id).ok().await;
    let page = chat
        .client
        .list_turns(&chat.id)
        .query("limit", 1)
        .query("offset", 1)
        .ok()
        .await;

    assert_eq!(each(all["turns"].as_array().unwrap(), "id"), ids);
    assert_eq!((&all["total"], &page["total"]), (&json!(3), &json!(3)));
    assert_eq!(each(page["turns"].as_array().unwrap(), "id"), [&ids[1]]);
    let problem = chat
        .client
        .list_turns(&chat.id)
        .query("limit", 0)
        .problem(422)
        .await;
    assert_eq!(problem.fields(), ["limit"]);
    stack.finish().await;
}

#[tokio::test]
async fn beyond_the_running_cap_a_turn_waits_and_beyond_the_other_it_is_refused() {
    let stack = TestStack::builder()
        .env("COPILOT__TURN__MAX_RUNNING_PER_USER", "1")
        .env("COPILOT__TURN__MAX_IN_FLIGHT_PER_USER", "2")
        .start()
        .await;
    let gate = Gate::new();
    stack.llm.script([text("first").gate_first_byte(&gate)]);
    let running = stack.client.turn("one").await;
    gate.reached().await;

    let waiting = stack.client.turn("two").await;
    let third = Conversation::begin(&stack).await;
    let refused = third.say("three").status(429).await;

    assert!(refused.retry_after() >= Some(1));
    refused.problem();
    assert_eq!(waiting.get().await["status"], "queued");
    assert_eq!(stack.llm.requests().len(), 1);
    gate.release();
    running.until_status("completed").await;
    waiting.until_status("completed").await;
    assert_eq!(third.ask("three").await.text(), "ok");
    assert_eq!(third.messages().await.len(), 2);
    stack.finish().await;
}

#[tokio::test]
async fn sessions_of_one_user_run_side_by_side() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack
        .llm
        .default_reply(text("together").gate_first_byte(&gate));

    let turns = join_all((0..5).map(async |_| stack.client.turn("hi").await)).await;
    gate.reached_by(5).await;
    gate.release();

    for turn in turns {
        turn.until_status("completed").await;
    }
    stack.finish().await;
}

#[tokio::test]
async fn an_assistant_message_can_open_a_turn() {
    let stack = TestStack::start().await;
    stack.llm.script([text("How can I help?")]);
    let chat = Conversation::begin(&stack).await;

    let answer = chat
        .say("Welcome aboard!")
        .field("is_user_message", false)
        .events()
        .to_finish()
        .await;

    assert_eq!(answer.text(), "How can I help?");
    let messages = chat.messages().await;
    assert_eq!(each(&messages, "role"), ["assistant", "assistant"]);
    assert_eq!(
        each(&messages, "content"),
        ["Welcome aboard!", "How can I help?"]
    );
    assert_eq!(chat.read().await["title"], Value::Null);
    let asked = stack.llm.requests()[0].clone();
    let greeting = asked
        .messages()
        .iter()
        .find(|message| message["content"] == "Welcome aboard!");
    assert_eq!(greeting.unwrap()["role"], "assistant");
    assert_eq!(asked.messages().last().unwrap()["role"], "user");
    stack.finish().await;
}

#[tokio::test]
async fn context_reaches_the_model_and_not_the_stored_text() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let context = json!({"url": "https://example.org/plums", "content": "Plums are blue.", "mood": "curious"});

    chat.say("What colour?")
        .field("context", context)
        .events()
        .to_finish()
        .await;
    chat.ask("And now?").await;

    let requests = stack.llm.requests();
    for part in ["https://example.org/plums", "Plums are blue.", "curious"] {
        assert!(told(&requests[0]).contains(part), "{part}");
    }
    let stored = Value::from(chat.messages().await).to_string();
    assert!(
        !stored.contains("Plums") && !stored.contains("example.org"),
        "{stored}"
    );
    assert_eq!(chat.messages().await[0]["content"], "What colour?");
    stack.finish().await;
}

#[tokio::test]
async fn files_that_are_not_the_callers_are_dropped_and_named() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let unknown = "7f000000-0000-4000-8000-000000000001";

    let answer = chat
        .say("look")
        .field("file_ids", json!([unknown, "no-id"]))
        .events()
        .to_finish()
        .await;
    let without = chat.ask("and now").await;

    assert_eq!(lasting(&answer)[..3], ["start", "data-files", "start-step"]);
    let files = &answer.first("data-files").json["data"];
    assert_eq!(
        files,
        &json!({"attached": [], "dropped": [unknown, "no-id"]})
    );
    assert_eq!(chat.messages().await[0]["content"], "look");
    assert_eq!(without.of("data-files").count(), 0);
    stack.finish().await;
}

#[tokio::test]
async fn a_request_may_ask_for_the_models_that_the_operator_allows() {
    let stack = TestStack::builder()
        .env("COPILOT__LLM__MODEL", "usual")
        .env("COPILOT__LLM__MODELS", "special,other")
        .start()
        .await;
    let chat = Conversation::begin(&stack).await;

    chat.ask("hi").await;
    chat.say("hi")
        .field("model", "special")
        .events()
        .to_finish()
        .await;
    let problem = chat
        .say("hi")
        .field("model", "forbidden")
        .problem(422)
        .await;

    assert_eq!(problem.fields(), ["model"]);
    let models: Vec<String> = stack
        .llm
        .requests()
        .iter()
        .map(|asked| asked.model().to_owned())
        .collect();
    assert_eq!(models, ["usual", "special"]);
    assert_eq!(chat.last_message().await["metadata"]["model"], "special");
    stack.finish().await;
}
