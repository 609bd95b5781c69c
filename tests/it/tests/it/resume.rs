//! Coming back to a turn: with a cursor, without one, from anywhere.

use copilot_harness::client::Item;
use copilot_harness::{BodyEnd, Gate, Reply, TestStack, Transcript, calls, text};
use serde_json::json;

use crate::conversation::Conversation;
use crate::pieces::{folded, joined};

/// Reasoning, text, a call, and text again.
fn script_rich_turn(stack: &TestStack) {
    stack.llm.script([
        Reply::text_then_calls("Let me look. ", "search_docs", json!({"query": "cursors"}))
            .reasoning("Where may that be?"),
        text("Here it is: é€👩‍👧 and more."),
    ]);
}

#[tokio::test]
async fn without_a_cursor_the_running_turn_comes_from_its_beginning() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([text("one ").gate(&gate).and_text("two")]);
    let chat = Conversation::begin(&stack).await;
    let mut first = chat.open("count").await;
    first.until_text(|text| text == "one ").await;
    drop(first);

    let mut second = chat.apart().resume(None).open().await;
    second.until_text(|text| text == "one ").await;
    gate.release();
    let all = second.to_finish().await;

    assert_eq!(all.fold().unwrap().text(), "one two");
    stack.finish().await;
}

#[tokio::test]
async fn an_idle_session_has_nothing_to_resume() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;

    chat.resume(None).status(204).await;
    chat.ask("hi").await;
    let answer = chat.resume(None).status(204).await;

    assert!(answer.body.is_empty());
    stack.finish().await;
}

#[tokio::test]
async fn every_cursor_of_an_ended_turn_gives_exactly_the_rest() {
    let stack = TestStack::start().await;
    script_rich_turn(&stack);
    let chat = Conversation::begin(&stack).await;
    let live = chat.ask("find it").await;
    let turn = chat.turn_of(&live);
    let whole = live.fold().unwrap();
    let replayed = turn.events().to_finish().await;

    for seen in [&live, &replayed] {
        for (place, event) in seen.events.iter().enumerate() {
            let Some(cursor) = &event.cursor else {
                continue;
            };
            let again = [
                chat.resume(Some(cursor)).events().to_end().await,
                turn.events_after(cursor).to_end().await,
            ];
            for rest in again {
                assert_eq!(
                    (rest.done, &rest.end),
                    (1, &Some(BodyEnd::Clean)),
                    "{}",
                    event.raw
                );
                let message = folded(seen.events[..=place].iter().chain(&rest.events)).unwrap();
                assert_eq!(message, whole, "after {}", event.raw);
            }
        }
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_cursor_inside_a_merged_delta_is_served_by_its_rest() {
    let stack = TestStack::start().await;
    let gates = [Gate::new(), Gate::new()];
    let reply = text("eins é ")
        .gate(&gates[0])
        .and_text("zwei 👩‍👧 ")
        .gate(&gates[1]);
    stack.llm.script([reply.and_text("drei")]);
    let chat = Conversation::begin(&stack).await;
    let mut live = chat.open("count").await;
    let mut heads: Vec<Transcript> = Vec::new();
    for (heard, gate) in ["eins é ", "eins é zwei 👩‍👧 "].iter().zip(&gates) {
        live.until_text(|text| text == *heard).await;
        heads.push(live.seen().clone());
        gate.release();
    }
    let whole = live.to_finish().await.fold().unwrap();

    for head in heads {
        let rest = chat.resume(head.last_cursor()).events().to_finish().await;
        assert_eq!(head.text() + &rest.text(), "eins é zwei 👩‍👧 drei");
        assert_eq!(joined(&head, &rest).unwrap(), whole);
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_cursor_of_a_running_turn_gives_what_comes_after_it() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([text("one ").gate(&gate).and_text("two")]);
    let chat = Conversation::begin(&stack).await;
    let mut first = chat.open("count").await;
    first.until_text(|text| text == "one ").await;

    let mut second = chat.apart().resume(first.last_cursor()).open().await;
    assert!(matches!(second.next_item().await, Item::Comment(_)));
    gate.release();
    let rest = second.to_finish().await;

    assert_eq!(rest.text(), "two");
    assert_eq!(
        joined(first.seen(), &rest).unwrap(),
        first.to_finish().await.fold().unwrap()
    );
    stack.finish().await;
}

#[tokio::test]
async fn a_cursor_that_cannot_be_read_or_is_foreign_counts_as_none() {
    let stack = TestStack::start().await;
    let foreign = Conversation::begin(&stack).await.ask("elsewhere").await;
    let foreign = foreign.last_cursor().unwrap().to_owned();
    let chat = Conversation::begin(&stack).await;
    let cursors = ["nonsense", "0", "1-1", "%00", "-", foreign.as_str()];
    for cursor in cursors {
        chat.resume(Some(cursor)).status(204).await;
    }
    let gate = Gate::new();
    stack.llm.script([text("one ").gate(&gate).and_text("two")]);
    let mut live = chat.open("count").await;
    live.until_text(|text| text == "one ").await;
    let turn = chat.turn_of(live.seen());

    for cursor in cursors {
        for mut events in [
            chat.resume(Some(cursor)).events(),
            turn.events_after(cursor),
        ] {
            events.until_text(|text| text == "one ").await;
            assert!(
                events.seen().events.iter().any(|event| event.is("start")),
                "{cursor}"
            );
        }
    }
    gate.release();
    assert_eq!(live.to_finish().await.text(), "one two");
    stack.finish().await;
}

#[tokio::test]
async fn a_cursor_names_its_own_turn_also_when_that_has_ended_and_another_runs() {
    let stack = TestStack::start().await;
    let (gate, never) = (Gate::new(), Gate::new());
    stack.llm.script([
        text("one ").gate(&gate).and_text("two"),
        text("other").gate_first_byte(&never),
    ]);
    let chat = Conversation::begin(&stack).await;
    let mut first = chat.open("count").await;
    first.until_text(|text| text == "one ").await;
    let head = first.seen().clone();
    drop(first);
    gate.release();
    chat.turn_of(&head).until_status("completed").await;
    let other = chat.background("another").await;
    never.reached().await;

    let rest = chat.resume(head.last_cursor()).events().to_finish().await;
    let mut newest = chat.resume(None).open().await;

    assert_eq!(joined(&head, &rest).unwrap().text(), "one two");
    newest.until(|event| event.is("start")).await;
    assert_eq!(newest.seen().turn_id(), other.id);
    never.release();
    newest.to_finish().await;
    stack.finish().await;
}

#[tokio::test]
async fn the_query_parameter_after_does_what_the_header_does() {
    let stack = TestStack::start().await;
    script_rich_turn(&stack);
    let chat = Conversation::begin(&stack).await;
    let live = chat.ask("find it").await;
    let middle = live.events[live.events.len() / 2..]
        .iter()
        .find_map(|event| event.cursor.clone())
        .unwrap();

    let by_header = chat.resume(Some(&middle)).events().to_finish().await;
    let by_query = chat
        .resume(None)
        .query("after", &middle)
        .events()
        .to_finish()
        .await;
    let of_turn = chat
        .client
        .replay(&chat.id, live.turn_id(), None)
        .query("after", &middle);
    let of_turn = of_turn.events().to_finish().await;

    assert!(by_header.events.len() < live.events.len());
    assert_eq!(by_query.events, by_header.events);
    assert_eq!(of_turn.events, by_header.events);
    stack.finish().await;
}

#[tokio::test]
async fn two_readers_at_once_read_the_same() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([
        calls("search_docs", json!({"query": "readers"})),
        text("one ").gate(&gate).and_text("two"),
    ]);
    let chat = Conversation::begin(&stack).await;
    let mut first = chat.open("count").await;
    first.until_text(|text| text == "one ").await;

    let mut second = chat.apart().resume(None).open().await;
    second.until_text(|text| text == "one ").await;
    gate.release();
    let (first, second) = futures::join!(first.to_finish(), second.to_finish());

    assert_eq!(first.fold().unwrap(), second.fold().unwrap());
    assert_eq!(stack.llm.requests().len(), 2);
    stack.finish().await;
}

#[tokio::test]
async fn a_client_that_goes_away_changes_nothing() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack.llm.script([text("one ").gate(&gate).and_text("two")]);
    let chat = Conversation::begin(&stack).await;
    let mut events = chat.open("count").await;
    events.until_text(|text| text == "one ").await;
    let turn = chat.turn_of(events.seen());

    drop(events);
    gate.release();
    let ended = turn.until_status("completed").await;

    assert_eq!(ended["attempt"], 1);
    assert_eq!(stack.llm.abandoned_replies(), 0);
    assert_eq!(chat.last_message().await["content"], "one two");
    stack.finish().await;
}

#[tokio::test]
async fn a_reader_of_a_waiting_turn_gets_all_of_it() {
    let stack = TestStack::start().await;
    let gate = Gate::new();
    stack
        .llm
        .script([text("first").gate_first_byte(&gate), text("second")]);
    let chat = Conversation::begin(&stack).await;
    let running = chat.background("one").await;
    gate.reached().await;

    let mut waiting = chat.open("two").await;
    waiting.until(|event| event.is("start")).await;
    let turn = chat.turn_of(waiting.seen());
    assert_eq!(turn.get().await["status"], "queued");
    gate.release();
    let answer = waiting.to_finish().await;

    assert_eq!(answer.fold().unwrap().text(), "second");
    running.until_status("completed").await;
    stack.finish().await;
}
