//! RabbitMQ restarts or hangs: turns that run go on, and new ones start a little later.

use std::time::Duration;

use copilot_harness::{Gate, rabbit_server::RabbitServer, servers::Servers, text};

use super::Fleet;
use super::history::{Accepted, check};

async fn start() -> (RabbitServer, Fleet) {
    let rabbit = RabbitServer::start().await;
    let servers = Servers {
        amqp: Some(rabbit.url()),
        ..Servers::default()
    };
    let mut fleet = Fleet::prepare_on(servers, 1, 2).await;
    fleet.copilot.start().await;
    (rabbit, fleet)
}

#[tokio::test]
async fn turns_are_accepted_and_run_while_the_broker_is_away_and_after_it_is_back() {
    let (mut rabbit, fleet) = start().await;
    let gate = Gate::new();
    fleet.llm.script([text("one ").gate(&gate).and_text("two")]);
    let client = fleet.client(0);
    let running = client.turn("count").await;
    gate.reached().await;

    rabbit.stop();
    let meanwhile = client.turn("meanwhile").await;
    gate.release();
    let accepted = |turn, answer: &str| Accepted {
        turn,
        answer: answer.to_owned(),
    };
    check(
        &client,
        &[accepted(running, "one two"), accepted(meanwhile, "ok")],
    )
    .await;
    assert_eq!(client.get("/readyz").answer().await.status, 503);

    rabbit.resume().await;
    fleet.copilot.wait_ready(0).await;
    let afterwards = client.turn("afterwards").await;
    check(&client, &[accepted(afterwards, "ok")]).await;
    drop(fleet);
}

#[tokio::test]
async fn turns_end_well_after_the_broker_hung_for_five_seconds() {
    let (rabbit, fleet) = start().await;
    let gate = Gate::new();
    fleet.llm.script([text("one ").gate(&gate).and_text("two")]);
    let client = fleet.client(0);
    let session = client.create_session().await;
    let mut events = client.start_stream(&session, "count").open().await;
    events.until_text(|text| text == "one ").await;

    rabbit.freeze();
    let meanwhile = client.turn("meanwhile").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    rabbit.thaw();
    gate.release();
    let seen = events.to_finish().await;

    let accepted = |turn, answer: &str| Accepted {
        turn,
        answer: answer.to_owned(),
    };
    let running = client.known_turn(&session, seen.turn_id());
    check(
        &client,
        &[accepted(running, "one two"), accepted(meanwhile, "ok")],
    )
    .await;
    drop(fleet);
}

#[tokio::test]
async fn a_cancel_gets_through_while_the_broker_hangs() {
    let (rabbit, fleet) = start().await;
    let never = Gate::new();
    fleet.llm.script([text("one ").gate(&never)]);
    let client = fleet.client(0);
    let session = client.create_session().await;
    let mut events = client.start_stream(&session, "count").open().await;
    events.until_text(|text| text == "one ").await;

    rabbit.freeze();
    let answer = client.cancel(&session, None).ok().await;
    let seen = events.to_finish().await;
    rabbit.thaw();

    assert_eq!(answer["status"], "cancelled");
    assert_eq!(seen.kinds().last_two(), ["abort", "finish"]);
    drop(fleet);
}
