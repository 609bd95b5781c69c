//! Sessions whose id is their key, until somebody claims them.

use copilot_harness::identity::token_of;
use copilot_harness::{Client, Gate, TestStack, text};
use futures::future::join_all;
use serde_json::{Value, json};

const SESSIONS: &str = "/api/chat/sessions";
const NOBODYS: &str = "9f1c2d3e-4a5b-4c6d-8e7f-001122334455";

async fn start() -> TestStack {
    start_with(&[]).await
}

async fn start_with(settings: &[(&str, &str)]) -> TestStack {
    let builder = TestStack::builder().signed_in("ann");
    let builder = builder.env("COPILOT__AUTH__ALLOW_ANONYMOUS", "true");
    let builder = settings
        .iter()
        .fold(builder, |builder, (name, value)| builder.env(name, *value));
    builder.start().await
}

fn bob(stack: &TestStack) -> Client {
    stack.client.with_token(token_of("bob"))
}

#[tokio::test]
async fn whoever_knows_the_id_can_talk_in_it() {
    let stack = start().await;
    stack.llm.script([text("one"), text("two"), text("three")]);
    let guest = stack.client.without_token();

    let created = guest.post(SESSIONS).ok().await;
    let session = created["id"].as_str().unwrap();
    let first = guest
        .start_stream(session, "hello")
        .events()
        .to_finish()
        .await;
    let turn = guest.turn_in(session, "again").await;
    turn.until_status("completed").await;
    // A user who knows it too; it does not become the user's by that.
    let by_user = bob(&stack)
        .start_stream(session, "me too")
        .events()
        .to_finish()
        .await;

    assert_eq!(
        (&created["user_id"], session.chars().nth(14)),
        (&Value::Null, Some('4'))
    );
    assert_eq!(
        (first.text(), by_user.text()),
        ("one".into(), "three".into())
    );
    let read = guest.get_session(session).ok().await;
    assert_eq!(
        (&read["user_id"], read["messages"].as_array().unwrap().len()),
        (&Value::Null, 6)
    );
    assert_eq!(bob(&stack).get_session(session).ok().await, read);
    assert_eq!(guest.list_turns(session).ok().await["total"], 3);
    let replayed = guest
        .replay(session, first.turn_id(), None)
        .events()
        .to_finish()
        .await;
    assert_eq!(replayed.text(), "one");
    guest.resume(session, None).status(204).await;
    guest.resume(session, first.last_cursor()).status(200).await;
    let cancelled = guest.cancel(session, None).ok().await;
    assert_eq!(cancelled["reason"], "no_active_session");
    for client in [&stack.client, &bob(&stack)] {
        assert_eq!(
            client.list_sessions().ok().await["total"],
            0,
            "never listed"
        );
    }
    stack.finish().await;
}

#[tokio::test]
async fn the_rest_needs_a_user() {
    let stack = start().await;
    let guest = stack.client.without_token();
    let session = guest.create_session().await;
    let hello = [copilot_harness::client::user_message("m1", "hello")];

    for call in [
        guest.list_sessions(),
        guest.delete_session(&session),
        guest.rename(&session, "mine"),
        guest.claim(&session),
        guest.ai_sdk_send("chat", hello),
        guest.ai_sdk_resume("chat"),
    ] {
        let refused = call.status(401).await;
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        assert_eq!(refused.problem().code, "token_missing");
    }
    // Nor does a user rename or delete what is not the user's.
    stack.client.rename(&session, "mine").problem(404).await;
    stack.client.delete_session(&session).problem(404).await;
    // A token that is wrong is not as good as none.
    for wrong in ["garbage", "a.b.c"] {
        let refused = guest.post(SESSIONS).token(wrong).problem(401).await;
        assert_eq!(refused.code, "token_invalid");
        guest.get_session(&session).token(wrong).problem(401).await;
    }
    // A user's session is closed to guests, also to one who knows its id.
    let own = stack.client.create_session().await;
    guest.get_session(&own).problem(404).await;
    guest.start_turn(&own, "hi").problem(404).await;
    guest.get_session(NOBODYS).problem(404).await;
    stack.finish().await;
}

#[tokio::test]
async fn a_claimed_session_is_its_owners_alone() {
    let stack = start().await;
    stack.llm.script([text("one"), text("two")]);
    let guest = stack.client.without_token();
    let session = guest.create_session().await;
    let seen = guest
        .start_stream(&session, "hello")
        .events()
        .to_finish()
        .await;
    let before = guest.get_session(&session).ok().await;

    let claimed = stack.client.claim(&session).ok().await;

    assert_eq!(claimed, json!({"status": "ok"}));
    assert_eq!(stack.client.claim(&session).ok().await, claimed, "again");
    for (client, status) in [(&bob(&stack), 404), (&guest, 401)] {
        client.claim(&session).problem(status).await;
    }
    stack.client.claim(NOBODYS).problem(404).await;
    for client in [&bob(&stack), &guest] {
        for call in [
            client.get_session(&session),
            client.start_stream(&session, "hi"),
            client.start_turn(&session, "hi"),
            client.list_turns(&session),
            client.get_turn(&session, seen.turn_id()),
            client.replay(&session, seen.turn_id(), None),
            client.resume(&session, seen.last_cursor()),
            client.cancel(&session, None),
        ] {
            call.problem(404).await;
        }
    }
    let after = stack.client.get_session(&session).ok().await;
    assert_eq!(after["user_id"], "ann");
    assert_eq!(after["messages"], before["messages"]);
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str());
    let listed = stack.client.list_sessions().ok().await;
    assert_eq!(listed["sessions"][0]["id"], session.as_str());
    let next = stack
        .client
        .start_stream(&session, "go on")
        .events()
        .to_finish()
        .await;
    assert_eq!(next.text(), "two");
    stack.finish().await;
}

#[tokio::test]
async fn of_many_who_claim_at_once_one_gets_it() {
    let stack = start().await;
    let guest = stack.client.without_token();
    let session = guest.create_session().await;
    let users: Vec<_> = (0..12).map(|n| format!("user-{n}")).collect();

    let claims = users.iter().map(|user| {
        let client = guest.with_token(token_of(user)).apart();
        let session = session.clone();
        async move { client.claim(&session).answer().await.status }
    });
    let answers = join_all(claims).await;

    let won: Vec<_> = answers.iter().filter(|status| **status == 200).collect();
    let lost: Vec<_> = answers.iter().filter(|status| **status == 404).collect();
    assert_eq!((won.len(), lost.len()), (1, 11), "{answers:?}");
    let at = answers.iter().position(|status| *status == 200).unwrap();
    let winner = guest.with_token(token_of(&users[at]));
    assert_eq!(
        winner.get_session(&session).ok().await["user_id"],
        users[at]
    );
    stack.finish().await;
}

#[tokio::test]
async fn a_turn_that_runs_survives_the_claim() {
    let stack = start().await;
    let gate = Gate::new();
    stack
        .llm
        .script([text("half ").gate(&gate).and_text("and half")]);
    let guest = stack.client.without_token();
    let session = guest.create_session().await;
    let mut events = guest.start_stream(&session, "hello").events();
    events.until_text(|text| text == "half ").await;

    stack.client.claim(&session).ok().await;
    gate.release();
    let seen = events.to_finish().await;

    assert_eq!(seen.text(), "half and half");
    let turn = stack.client.known_turn(&session, seen.turn_id());
    assert_eq!(turn.get().await["status"], "completed");
    stack.finish().await;
}

#[tokio::test]
async fn each_anonymous_session_has_its_own_limit() {
    let stack = start_with(&[
        ("COPILOT__TURN__MAX_RUNNING_PER_USER", "1"),
        ("COPILOT__TURN__MAX_IN_FLIGHT_PER_USER", "1"),
    ])
    .await;
    let gate = Gate::new();
    stack.llm.script([
        text("one").gate(&gate).and_text("!"),
        text("two").gate(&gate).and_text("!"),
    ]);
    let guest = stack.client.without_token();
    let (first, second) = (guest.create_session().await, guest.create_session().await);

    let one = guest.turn_in(&first, "hello").await;
    let two = guest.turn_in(&second, "hello").await;
    gate.reached_by(2).await;
    // Also a user's message counts for the session that it is said in.
    let refusals = [
        guest.start_turn(&first, "more").status(429).await,
        bob(&stack).start_turn(&first, "more").status(429).await,
    ];

    for refused in refusals {
        assert!(refused.retry_after() > Some(0));
    }
    gate.release();
    one.until_status("completed").await;
    two.until_status("completed").await;
    stack.finish().await;
}

#[tokio::test]
async fn files_of_an_anonymous_message_are_dropped() {
    let stack = start().await;
    stack.llm.script([text("no files")]);
    let guest = stack.client.without_token();
    let session = guest.create_session().await;
    let call = guest.start_stream(&session, "read it");

    let seen = call
        .field("file_ids", json!([NOBODYS]))
        .events()
        .to_finish()
        .await;

    let files = &seen.first("data-files").json["data"];
    assert_eq!(files, &json!({"attached": [], "dropped": [NOBODYS]}));
    stack.finish().await;
}

#[tokio::test]
async fn without_the_setting_there_is_nothing_anonymous() {
    let mut stack = start().await;
    let guest = stack.client.without_token();
    let session = guest.create_session().await;
    let kept = guest.create_session().await;

    stack.copilot.set("COPILOT__AUTH__ALLOW_ANONYMOUS", "false");
    stack.restart().await;

    for call in [
        guest.post(SESSIONS),
        guest.get_session(&session),
        guest.start_turn(&session, "hi"),
        guest.resume(&session, None),
        guest.cancel(&session, None),
    ] {
        assert_eq!(call.problem(401).await.code, "token_missing");
    }
    stack.client.get_session(&session).problem(404).await;
    stack.client.start_turn(&session, "hi").problem(404).await;
    // It can still be taken home.
    stack.client.claim(&kept).ok().await;
    stack.client.get_session(&kept).ok().await;
    stack.finish().await;
}

#[tokio::test]
async fn a_title_model_puts_no_whole_id_into_the_log() {
    let stack = start_with(&[("COPILOT__LLM__TITLE_MODEL", "titles")]).await;
    let guest = stack.client.without_token();
    let session = guest.create_session().await;

    guest
        .start_stream(&session, "hello")
        .events()
        .to_finish()
        .await;

    let asked = stack.copilot.line("title asked for", None).await;
    assert_eq!(asked["session_id"], session[..8]);
    assert!(!stack.copilot.log().contains(&session));
    stack.finish().await;
}
