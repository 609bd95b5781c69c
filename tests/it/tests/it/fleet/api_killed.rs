//! `kill -9` of an api under open streams: clients go on at another one.

use copilot_harness::llm::text_of_words;
use copilot_harness::{EventStream, Gate, Reply, Transcript, text};
use futures::future::join_all;
use serde_json::json;

use super::Fleet;
use crate::pieces::folded;

const CLIENTS: usize = 50;
const WORDS: usize = 60;

#[tokio::test]
async fn clients_of_a_killed_api_resume_at_another_without_a_gap() {
    let mut fleet = Fleet::prepare(2, 1).await;
    fleet
        .copilot
        .set("COPILOT__TURN__MAX_RUNNING_PER_USER", "100");
    fleet
        .copilot
        .set("COPILOT__TURN__MAX_IN_FLIGHT_PER_USER", "100");
    fleet.copilot.start().await;
    let gate = Gate::new();
    fleet
        .llm
        .default_reply(Reply::words(WORDS).gate_after(20, &gate));
    let (dying, other) = (fleet.client(0), fleet.client(1));
    let mut streams: Vec<(String, EventStream)> = Vec::new();
    for _ in 0..CLIENTS {
        let session = dying.create_session().await;
        let events = dying.start_stream(&session, "go").open().await;
        streams.push((session, events));
    }
    for (_, events) in &mut streams {
        events.until_text(|text| text.contains("word3 ")).await;
    }

    fleet.copilot.api_mut(0).kill9();
    gate.release();

    let answer = text_of_words(WORDS);
    let read = streams.into_iter().map(|(session, mut events)| {
        let other = &other;
        async move {
            let head = events.to_end().await;
            head.assert_broken();
            let mut resumed = other.resume(&session, head.last_cursor()).events();
            let rest = resumed.to_finish().await;
            folded(head.events.iter().chain(&rest.events))
                .unwrap()
                .text()
        }
    });
    for text in join_all(read).await {
        assert_eq!(text, answer);
    }
}

#[tokio::test]
async fn cancel_and_messages_reach_a_turn_from_any_api() {
    let fleet = Fleet::start(2, 2).await;
    let never = Gate::new();
    fleet
        .llm
        .script([text("one ").gate(&never).and_text("two"), text("next")]);
    let (here, there) = (fleet.client(0), fleet.client(1));
    let session = here.create_session().await;
    let mut events = here.start_stream(&session, "count").open().await;
    events.until_text(|text| text == "one ").await;

    let waiting = there.start_stream(&session, "and then?").open().await;
    let cancelled = there
        .cancel(&session, Some(events.seen().turn_id()))
        .ok()
        .await;

    assert_eq!(cancelled["status"], "cancelled");
    let seen = events.to_finish().await;
    assert_eq!(seen.kinds().last_two(), ["abort", "finish"]);
    let mut waiting = waiting;
    assert_eq!(waiting.to_finish().await.text(), "next");
}

#[tokio::test]
async fn the_same_message_sent_twenty_times_to_two_apis_runs_once() {
    let fleet = Fleet::start(2, 2).await;
    fleet.llm.default_reply(text("only once"));
    let session = fleet.client(0).create_session().await;

    let sent = (0..20).map(|number| {
        let call = fleet
            .client(number % 2)
            .apart()
            .start_stream(&session, "hello")
            .field("message_id", json!("the-one"));
        async move { call.events().to_finish().await }
    });
    let heard = join_all(sent).await;

    let turns: std::collections::HashSet<_> = heard.iter().map(Transcript::turn_id).collect();
    assert_eq!(turns.len(), 1);
    assert!(heard.iter().all(|seen| seen.text() == "only once"));
    assert_eq!(fleet.llm.requests().len(), 1);
    super::history::check_count(&fleet.client(1), &session, 1).await;
}
