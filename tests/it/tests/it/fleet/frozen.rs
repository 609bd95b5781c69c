//! An executor that sleeps past its lease, and wakes up when its turn is another's.

use copilot_harness::{Gate, text};

use super::Fleet;
use super::history::{Accepted, check};
use crate::pieces::mended;

#[tokio::test]
async fn an_executor_that_wakes_up_after_a_takeover_writes_nothing_more() {
    let mut fleet = Fleet::prepare(1, 1).await;
    fleet.copilot.start().await;
    fleet.copilot.add_executor();
    let (asleep, late) = (Gate::new(), Gate::new());
    fleet.llm.script([
        text("dead words ")
            .gate(&asleep)
            .and_text("that nobody may see"),
        text("living ").gate(&late).and_text("words"),
    ]);
    let client = fleet.client(0);
    let session = client.create_session().await;
    let mut events = client.start_stream(&session, "hi").open().await;
    events.until_text(|text| text == "dead words ").await;

    fleet.copilot.executor(0).signal("STOP");
    fleet.copilot.executor_mut(1).spawn();
    late.reached().await;
    // It wakes up to the rest of its reply, while the other one is in the middle of its own.
    asleep.release();
    fleet.copilot.executor(0).signal("CONT");
    events.until(|event| event.is("data-step-retry")).await;
    late.release();
    let seen = events.to_finish().await;

    assert!(!seen.text().contains("nobody"), "{}", seen.text());
    assert_eq!(mended([&seen]).unwrap().text(), "living words");
    fleet.llm.idle().await;
    let turn = client.known_turn(&session, seen.turn_id());
    assert_eq!(turn.get().await["attempt"], 2);
    let answer = "living words".to_owned();
    check(&client, &[Accepted { turn, answer }]).await;

    // It has a new lease, and works.
    fleet.copilot.executor_mut(1).kill9();
    fleet.llm.script([text("awake")]);
    let again = client
        .start_stream(&session, "again")
        .events()
        .to_finish()
        .await;
    assert_eq!(again.text(), "awake");
}
