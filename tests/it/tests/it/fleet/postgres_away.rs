//! Postgres restarts, hangs, and cuts connections: work waits and goes on.

use std::time::Duration;

use copilot_harness::llm::text_of_words;
use copilot_harness::{
    Client, Gate, Reply, deadline::poll_until, postgres_server::PostgresServer, servers::Servers,
    text,
};
use futures::future::join_all;
use http::StatusCode;

use super::Fleet;
use super::history::{Accepted, check, check_count};

async fn start() -> (PostgresServer, Fleet) {
    let postgres = PostgresServer::start().await;
    let servers = Servers {
        postgres: Some(postgres.url()),
        ..Servers::default()
    };
    let mut fleet = Fleet::prepare_on(servers, 1, 2).await;
    fleet.copilot.start().await;
    (postgres, fleet)
}

/// Waits until the api has found out each connection that was cut: until then a request that
/// meets one is told to come back.
async fn settled(client: &Client) {
    poll_until(
        Duration::from_secs(20),
        || "the api works again".to_owned(),
        || async {
            let asked = (0..32).map(|_| client.list_sessions().answer());
            let answers = join_all(asked).await;
            answers.iter().all(|answer| answer.status == StatusCode::OK)
        },
    )
    .await;
}

#[tokio::test]
async fn a_turn_goes_on_when_postgres_restarts_in_its_text() {
    let (mut postgres, fleet) = start().await;
    let gate = Gate::new();
    fleet.llm.respond({
        let gate = gate.clone();
        move |_| text("one ").gate(&gate).and_text("two")
    });
    let client = fleet.client(0);
    let session = client.create_session().await;
    let mut events = client.start_stream(&session, "count").open().await;
    events.until_text(|text| text == "one ").await;

    postgres.restart().await;
    gate.release();
    let seen = events.to_finish().await;
    settled(&client).await;

    assert_eq!(seen.error_code(), None);
    let turn = client.known_turn(&session, seen.turn_id());
    let answer = "one two".to_owned();
    check(&client, &[Accepted { turn, answer }]).await;
    check_count(&client, &session, 1).await;
    drop(fleet);
}

#[tokio::test]
async fn a_turn_ends_well_after_postgres_hung_for_five_seconds() {
    let (postgres, fleet) = start().await;
    let gate = Gate::new();
    fleet.llm.respond({
        let gate = gate.clone();
        move |_| text("one ").gate(&gate).and_text("two")
    });
    let client = fleet.client(0);
    let session = client.create_session().await;
    let mut events = client.start_stream(&session, "count").open().await;
    events.until_text(|text| text == "one ").await;

    postgres.freeze();
    gate.release();
    events.until_text(|text| text == "one two").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    postgres.thaw();
    let seen = events.to_finish().await;
    settled(&client).await;

    let turn = client.known_turn(&session, seen.turn_id());
    let answer = "one two".to_owned();
    check(&client, &[Accepted { turn, answer }]).await;
    drop(fleet);
}

#[tokio::test]
async fn connections_that_are_cut_again_and_again_cost_no_turn() {
    let (postgres, fleet) = start().await;
    fleet
        .llm
        .default_reply(Reply::words(20).delay_between(Duration::from_millis(20)));
    let client = fleet.client(0);
    let database = fleet.copilot.tenancy().database_name().to_owned();
    let mut accepted = Vec::new();
    for _ in 0..8 {
        let turn = client.turn("go").await;
        let answer = text_of_words(20);
        accepted.push(Accepted { turn, answer });
    }

    for _ in 0..4 {
        postgres.cut_connections(&database);
        settled(&client).await;
    }

    check(&client, &accepted).await;
    drop(fleet);
}
