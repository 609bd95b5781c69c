//! Sessions: made, listed, read, renamed, deleted.

use copilot_harness::{Gate, TestStack, calls, deadline::poll_until, status, text};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

use crate::conversation::{Conversation, each, lasting_end, messages_of};

const NOBODYS: &str = "01890000-0000-7000-8000-000000000000";

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

fn is_instant(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.contains('T') && (text.ends_with('Z') || text.ends_with("+00:00"))
}

#[tokio::test]
async fn a_new_session_is_named_by_a_time_ordered_id_and_belongs_to_the_caller() {
    let stack = TestStack::start().await;

    let created = stack.client.post("/api/chat/sessions").ok().await;
    let with_body = stack
        .client
        .post("/api/chat/sessions")
        .raw_body("application/json", "{}")
        .ok()
        .await;

    assert_eq!(keys(&created), ["created_at", "id", "user_id"]);
    let id = created["id"].as_str().unwrap();
    assert_eq!((id.len(), id.chars().nth(14)), (36, Some('7')));
    assert_eq!(created["user_id"], "local");
    assert!(is_instant(&created["created_at"]), "{created}");
    assert!(with_body["id"].as_str() > Some(id), "ids grow with time");
    stack.finish().await;
}

#[tokio::test]
async fn an_empty_session_reads_as_one() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    let session = chat.read().await;

    let expected = [
        "active_stream",
        "client_id",
        "created_at",
        "has_more_messages",
        "id",
        "messages",
        "oldest_sequence",
        "status",
        "title",
        "updated_at",
        "user_id",
    ];
    assert_eq!(keys(&session), expected);
    assert_eq!(session["id"], chat.id.as_str());
    assert_eq!(session["messages"], json!([]));
    assert_eq!(session["status"], "idle");
    assert_eq!(session["has_more_messages"], false);
    for empty in ["active_stream", "client_id", "oldest_sequence", "title"] {
        assert_eq!(session[empty], Value::Null, "{empty}");
    }
    stack.finish().await;
}

#[tokio::test]
async fn the_list_has_the_session_that_moved_last_first() {
    let stack = TestStack::start().await;
    let (first, second, third) = (
        Conversation::begin(&stack).await,
        Conversation::begin(&stack).await,
        Conversation::begin(&stack).await,
    );

    second.ask("hi").await;
    first.client.rename(&first.id, "renamed").ok().await;
    let listed = stack.client.list_sessions().ok().await;

    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(each(sessions, "id"), [&first.id, &second.id, &third.id]);
    assert_eq!(listed["total"], 3);
    assert_eq!(
        keys(&sessions[0]),
        [
            "client_id",
            "created_at",
            "id",
            "status",
            "title",
            "updated_at"
        ]
    );
    assert_eq!(each(sessions, "title")[0], "renamed");
    assert_eq!(each(sessions, "status"), ["idle"; 3]);
    assert!(
        sessions
            .iter()
            .all(|session| is_instant(&session["updated_at"]))
    );
    stack.finish().await;
}

#[tokio::test]
async fn the_list_comes_in_pages() {
    let stack = TestStack::start().await;
    for _ in 0..5 {
        stack.client.create_session().await;
    }

    let all = stack.client.list_sessions().ok().await;
    let mut paged = Vec::new();
    for offset in [0, 2, 4, 6] {
        let page = stack
            .client
            .list_sessions()
            .query("limit", 2)
            .query("offset", offset)
            .ok()
            .await;
        assert_eq!(page["total"], 5);
        paged.extend(page["sessions"].as_array().unwrap().clone());
    }

    assert_eq!(&Value::from(paged), &all["sessions"]);
    stack.finish().await;
}

#[tokio::test]
async fn a_page_out_of_bounds_is_refused_by_name() {
    let stack = TestStack::start().await;

    for (name, wrong) in [
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "-1"),
        ("limit", "many"),
        ("offset", "-1"),
        ("offset", "x"),
    ] {
        let problem = stack
            .client
            .list_sessions()
            .query(name, wrong)
            .problem(422)
            .await;
        assert_eq!(problem.fields(), [name], "{name}={wrong}");
    }
    for fine in [1, 100] {
        stack.client.list_sessions().query("limit", fine).ok().await;
    }
    stack
        .client
        .list_sessions()
        .query("unknown", "x")
        .ok()
        .await;
    stack.finish().await;
}

#[tokio::test]
async fn a_title_is_trimmed_and_bounded() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    let renamed = chat.client.rename(&chat.id, "  Über uns  ").ok().await;
    assert_eq!(renamed, json!({"status": "ok"}));
    assert_eq!(chat.read().await["title"], "Über uns");
    chat.client.rename(&chat.id, &"ü".repeat(200)).ok().await;
    for wrong in ["", "   \n", &"x".repeat(201)] {
        let problem = chat.client.rename(&chat.id, wrong).problem(422).await;
        assert_eq!(problem.fields(), ["title"]);
    }

    assert_eq!(chat.read().await["title"], "ü".repeat(200));
    stack.client.rename(NOBODYS, "x").problem(404).await;
    stack.finish().await;
}

#[tokio::test]
async fn the_first_line_of_the_first_message_becomes_the_title() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    let first = chat.ask("\n  How do I\tresume?  \nMore of it").await;

    assert_eq!(chat.read().await["title"], "How do I resume?");
    let titles: Vec<_> = first.of("data-title").collect();
    assert_eq!(titles.len(), 1);
    assert_eq!(titles[0].json["data"], json!({"title": "How do I resume?"}));
    assert!(titles[0].is_transient() && titles[0].cursor.is_none());
    let second = chat.ask("Something else").await;
    assert_eq!(second.of("data-title").count(), 0);
    assert_eq!(chat.read().await["title"], "How do I resume?");
    let again = chat.turn_of(&first).events().to_finish().await;
    assert_eq!(again.of("data-title").count(), 0, "it is not stored");
    stack.finish().await;
}

#[tokio::test]
async fn a_title_model_is_asked_beside_the_answer_and_may_fail() {
    let stack = TestStack::builder()
        .env("COPILOT__LLM__TITLE_MODEL", "titles")
        .start()
        .await;
    stack.llm.respond(
        |request| match (request.model(), request.last_user_text().as_str()) {
            ("titles", "How do I resume?") => text("\"Resuming streams\""),
            ("titles", _) => status(400),
            _ => text("An answer."),
        },
    );

    let named = Conversation::begin(&stack).await;
    named.ask("How do I resume?").await;
    let fallen_back = Conversation::begin(&stack).await;
    fallen_back.ask("Something else").await;

    for (chat, title) in [(named, "Resuming streams"), (fallen_back, "Something else")] {
        poll_until(
            Duration::from_secs(10),
            || format!("the title {title}"),
            || async { chat.read().await["title"] == title },
        )
        .await;
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_title_that_a_person_gave_stays() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    chat.client.rename(&chat.id, "Mine").ok().await;
    chat.ask("Another line").await;

    assert_eq!(chat.read().await["title"], "Mine");
    stack.finish().await;
}

#[tokio::test]
async fn a_message_has_all_its_fields_also_the_empty_ones() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    chat.ask("hello").await;

    let messages = chat.messages().await;
    let expected = [
        "content",
        "created_at",
        "function_call",
        "id",
        "metadata",
        "name",
        "refusal",
        "role",
        "sequence",
        "tool_call_id",
        "tool_calls",
        "turn_id",
    ];
    for message in &messages {
        assert_eq!(keys(message), expected);
        for empty in ["function_call", "name", "refusal", "tool_call_id"] {
            assert_eq!(message[empty], Value::Null, "{empty}");
        }
        assert!(
            is_instant(&message["created_at"]) && message["metadata"].is_object(),
            "{message}"
        );
    }
    assert_eq!(each(&messages, "role"), ["user", "assistant"]);
    assert_eq!(each(&messages, "content"), ["hello", "ok"]);
    let answer = &messages[1]["metadata"];
    assert_eq!(answer["finish_reason"], "stop");
    assert!(
        answer["model"].is_string() && answer["usage"]["total_tokens"].is_u64(),
        "{answer}"
    );
    stack.finish().await;
}

/// All messages of a session, read page by page from the newest to the oldest.
async fn paged(chat: &Conversation, limit: usize) -> Vec<Value> {
    let read = || chat.client.get_session(&chat.id).query("limit", limit);
    let mut all: Vec<Value> = Vec::new();
    let mut page = read().ok().await;
    loop {
        let messages = messages_of(&page);
        assert!(messages.len() <= limit);
        assert_eq!(page["oldest_sequence"], messages[0]["sequence"]);
        all.splice(0..0, messages);
        if page["has_more_messages"] == false {
            return all;
        }
        page = read()
            .query("before_sequence", &page["oldest_sequence"])
            .ok()
            .await;
    }
}

#[tokio::test]
async fn sequences_grow_and_messages_page_backwards() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    stack.llm.script([
        text("a"),
        calls("search_docs", json!({"query": "x"})),
        text("b"),
    ]);
    for message in ["one", "two", "three"] {
        chat.ask(message).await;
    }

    let all = chat.messages().await;

    assert_eq!(all.len(), 8);
    assert!(all.is_sorted_by_key(|message| message["sequence"].as_i64()));
    for limit in [1, 3, 8, 100] {
        assert_eq!(paged(&chat, limit).await, all, "by {limit}");
    }
    for name in ["limit", "before_sequence"] {
        let problem = chat
            .client
            .get_session(&chat.id)
            .query(name, "x")
            .problem(422)
            .await;
        assert_eq!(problem.fields(), [name]);
    }
    stack.finish().await;
}

#[tokio::test]
async fn what_a_running_turn_has_made_is_hidden_until_asked_for() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([
        calls("search_docs", json!({"query": "x"})),
        text("done").gate_first_byte(&gate),
    ]);
    let chat = Conversation::begin(&stack).await;
    let turn = chat.background("hi").await;
    gate.reached().await;

    let hidden = chat.read().await;
    let shown = chat
        .client
        .get_session(&chat.id)
        .query("include_active", true)
        .ok()
        .await;

    assert_eq!(each(&messages_of(&hidden), "role"), ["user"]);
    assert_eq!(
        each(&messages_of(&shown), "role"),
        ["user", "assistant", "tool"]
    );
    assert_eq!(hidden["status"], "running");
    let active = &hidden["active_stream"];
    assert_eq!(keys(active), ["last_message_id", "started_at", "turn_id"]);
    assert_eq!(active["turn_id"], turn.id.as_str());
    assert!(is_instant(&active["started_at"]));
    let listed = stack.client.list_sessions().ok().await;
    assert_eq!(listed["sessions"][0]["status"], "running");
    gate.release();
    turn.until_status("completed").await;
    let ended = chat.read().await;
    assert_eq!(
        (messages_of(&ended).len(), &ended["active_stream"]),
        (4, &Value::Null)
    );
    stack.finish().await;
}

#[tokio::test]
async fn paging_counts_only_what_is_shown() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([
        calls("search_docs", json!({"query": "x"})),
        text("done").gate_first_byte(&gate),
    ]);
    let chat = Conversation::begin(&stack).await;
    let turn = chat.background("hi").await;
    gate.reached().await;

    let page = chat
        .client
        .get_session(&chat.id)
        .query("limit", 1)
        .ok()
        .await;

    assert_eq!(each(&messages_of(&page), "content"), ["hi"]);
    assert_eq!(page["has_more_messages"], false);
    gate.release();
    turn.until_status("completed").await;
    stack.finish().await;
}

#[tokio::test]
async fn a_waiting_message_says_so_until_its_turn_comes() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([text("first").gate_first_byte(&gate)]);
    let chat = Conversation::begin(&stack).await;
    chat.background("one").await;
    gate.reached().await;
    let waiting = chat.background("two").await;

    let messages = chat.messages().await;
    assert_eq!(each(&messages, "content"), ["one", "two"]);
    assert_eq!(messages[0]["metadata"]["status"], Value::Null);
    assert_eq!(messages[1]["metadata"]["status"], "queued");
    assert_eq!(chat.read().await["status"], "running");
    gate.release();
    waiting.until_status("completed").await;

    let messages = chat.messages().await;
    assert_eq!(each(&messages, "content"), ["one", "first", "two", "ok"]);
    assert_eq!(messages[2]["metadata"]["status"], Value::Null);
    stack.finish().await;
}

#[tokio::test]
async fn a_session_goes_once() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let turn = chat.ask("hi").await.turn_id().to_owned();

    let deleted = chat.client.delete_session(&chat.id).status(204).await;

    assert!(deleted.body.is_empty());
    assert_eq!(
        stack.client.list_sessions().ok().await,
        json!({"sessions": [], "total": 0})
    );
    for call in [
        chat.client.get_session(&chat.id),
        chat.client.delete_session(&chat.id),
        chat.client.rename(&chat.id, "x"),
        chat.say("again"),
        chat.resume(None),
        chat.client.start_turn(&chat.id, "again"),
        chat.client.list_turns(&chat.id),
        chat.client.get_turn(&chat.id, &turn),
        chat.client.replay(&chat.id, &turn, None),
        chat.cancel(None),
    ] {
        call.problem(404).await;
    }
    stack.finish().await;
}

#[tokio::test]
async fn deleting_a_session_ends_its_running_turn_and_nothing_comes_back() {
    let mut stack = TestStack::start().await;
    let never = Gate::new();
    stack.llm.script([text("one ").gate(&never)]);
    let chat = Conversation::begin(&stack).await;
    let mut running = chat.open("count").await;
    running.until_text(|text| text == "one ").await;
    let mut waiting = chat.apart().open("then").await;
    waiting.until(|event| event.is("start")).await;

    chat.client.delete_session(&chat.id).status(204).await;
    let ended = [running.to_finish().await, waiting.to_finish().await];

    for seen in &ended {
        assert_eq!(lasting_end(seen), ["abort", "finish"]);
        seen.fold().unwrap();
    }
    stack.llm.idle().await;
    assert_eq!(stack.llm.requests().len(), 1);
    stack.restart().await;
    assert_eq!(stack.client.list_sessions().ok().await["total"], 0);
    chat.client.get_session(&chat.id).problem(404).await;
    stack.finish().await;
}

#[tokio::test]
async fn a_malformed_id_is_nothing_that_is_there() {
    let stack = TestStack::start().await;

    for id in [
        "nonsense",
        "0189",
        "01890000-0000-7000-8000-00000000000g",
        NOBODYS,
    ] {
        for (method, rest) in [
            (Method::GET, ""),
            (Method::DELETE, ""),
            (Method::GET, "/stream"),
            (Method::GET, "/turns"),
            (Method::POST, "/cancel"),
        ] {
            let path = format!("/api/chat/sessions/{id}{rest}");
            stack.client.call(&method, &path).problem(404).await;
        }
        stack.client.start_stream(id, "hi").problem(404).await;
        stack.client.start_turn(id, "hi").problem(404).await;
        stack.client.rename(id, "x").problem(404).await;
    }
    stack.finish().await;
}
