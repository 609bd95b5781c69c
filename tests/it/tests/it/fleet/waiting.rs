//! A long queue: order holds, caps hold, and a lost queue costs only time.

use std::time::Duration;

use copilot_harness::{Gate, deadline::poll_until, text};
use futures::{StreamExt, stream};

use super::Fleet;
use super::history::{Accepted, check, check_count};

const PATIENCE: Duration = Duration::from_mins(2);

async fn with_caps(executors: usize, running: usize) -> Fleet {
    let mut fleet = Fleet::prepare(1, executors).await;
    let copilot = &mut fleet.copilot;
    copilot.set("COPILOT__TURN__MAX_RUNNING_PER_USER", running.to_string());
    copilot.set("COPILOT__TURN__MAX_IN_FLIGHT_PER_USER", "5000");
    copilot.start().await;
    fleet
}

#[tokio::test]
async fn three_sessions_with_twenty_messages_each_are_answered_in_order() {
    let fleet = with_caps(2, 3).await;
    fleet.llm.respond(|asked| {
        let said = asked.last_user_text();
        // What the application adds stands in front of the message.
        let message = said.lines().last().unwrap_or_default();
        text(format!("answer to {message}"))
    });
    let client = fleet.client(0);
    let mut accepted = Vec::new();
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(client.create_session().await);
    }
    for number in 0..20 {
        for session in &sessions {
            let message = format!("message {number}");
            let turn = client.turn_in(session, &message).await;
            accepted.push(Accepted {
                turn,
                answer: format!("answer to {message}"),
            });
        }
    }

    check(&client, &accepted).await;

    for session in &sessions {
        check_count(&client, session, 20).await;
        let listed = client.list_turns(session).query("limit", 100).ok().await;
        let mut turns = listed["turns"].as_array().unwrap().clone();
        turns.reverse();
        let started: Vec<_> = turns
            .iter()
            .map(|turn| turn["started_at"].to_string())
            .collect();
        let finished: Vec<_> = turns
            .iter()
            .map(|turn| turn["finished_at"].to_string())
            .collect();
        for (next, before) in started.iter().skip(1).zip(&finished) {
            assert!(before <= next, "a turn began before its predecessor ended");
        }
    }
}

#[tokio::test]
async fn a_thousand_waiting_turns_are_all_answered_and_the_cap_holds() {
    let fleet = with_caps(2, 20).await;
    let gate = Gate::new();
    fleet.llm.default_reply(text("done").gate_first_byte(&gate));
    let client = fleet.client(0);
    let accepted: Vec<_> = stream::iter(0..1_000)
        .map(|number| {
            let client = client.clone();
            async move { client.turn(&format!("message {number}")).await }
        })
        .buffer_unordered(16)
        .collect()
        .await;

    gate.reached_by(20).await;
    // A count, not a lock: two executors may overshoot it by what they claim at the same moment.
    assert!(
        fleet.llm.open_replies() <= 40,
        "{}",
        fleet.llm.open_replies()
    );
    gate.release();

    poll_until(
        PATIENCE,
        || format!("{} of 1000 were asked", fleet.llm.requests().len()),
        || async { fleet.llm.requests().len() == 1_000 },
    )
    .await;
    fleet.llm.idle().await;
    let accepted: Vec<_> = accepted
        .into_iter()
        .map(|turn| Accepted {
            turn,
            answer: "done".to_owned(),
        })
        .collect();
    check(&client, &accepted).await;
}

#[tokio::test]
async fn turns_whose_hints_were_purged_are_found_by_the_look() {
    let mut fleet = Fleet::prepare(1, 1).await;
    fleet.copilot.start().await;
    fleet.llm.default_reply(text("found"));
    let client = fleet.client(0);
    fleet.copilot.executor_mut(0).kill9();
    let mut accepted = Vec::new();
    for number in 0..10 {
        let turn = client.turn(&format!("message {number}")).await;
        accepted.push(Accepted {
            turn,
            answer: "found".to_owned(),
        });
    }

    super::broker::purge_turns(&fleet.copilot).await;
    fleet.copilot.executor_mut(0).spawn();

    check(&client, &accepted).await;
}
