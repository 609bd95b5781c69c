//! What is in the messages, and what becomes of those that nobody can read or run.

use crate::place::{Place, key, soon};
use copilot_core::{id::UserId, port::queue::Hint};
use lapin::{
    BasicProperties, Channel,
    options::{BasicGetOptions, BasicPublishOptions},
};
use serde_json::{Value, json};

async fn publish(channel: &Channel, exchange: String, key: &str, text: &str) {
    channel
        .basic_publish(
            exchange.as_str().into(),
            key.into(),
            BasicPublishOptions::default(),
            text.as_bytes(),
            BasicProperties::default(),
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn a_hint_is_written_as_the_contract_says_and_comes_back_whole() {
    let place = Place::shared();
    let rabbit = place.connect().await;
    let hint = Hint {
        turn: key(),
        user_id: Some(UserId::new("u-1")),
        traceparent: Some("00-1-2-01".to_owned()),
    };
    rabbit.queue().publish(hint.clone()).await.unwrap();

    let (connection, channel) = place.by_hand().await;
    let queue = place.name("turns.v1");
    let got = channel
        .basic_get(queue.as_str().into(), BasicGetOptions::default())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(*got.delivery.properties.delivery_mode(), Some(2));
    let Value::Object(written) = serde_json::from_slice(&got.delivery.data).unwrap() else {
        panic!("no object");
    };
    let mut names: Vec<_> = written.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "enqueued_at",
            "session_id",
            "traceparent",
            "turn_id",
            "user_id"
        ]
    );
    // Not acknowledged: it goes back.
    connection.close(200, "OK".into()).await.unwrap();

    let mut deliveries = rabbit.queue().consume(1).await.unwrap();
    let delivery = soon("the hint", deliveries.next()).await.unwrap();
    assert_eq!(delivery.hint, hint);
    let enqueued_at = json!(delivery.enqueued_at);
    assert_eq!(written["enqueued_at"], enqueued_at);
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let place = Place::shared();
    let rabbit = place.connect().await;
    let mut deliveries = rabbit.queue().consume(1).await.unwrap();
    let mut listener = rabbit.cancels().listen().await.unwrap();
    let turn = key();
    let text = json!({
        "session_id": turn.session_id,
        "turn_id": turn.turn_id,
        "user_id": null,
        "enqueued_at": "2026-01-02T03:04:05Z",
        "traceparent": null,
        "of_a_later_version": [1],
    })
    .to_string();
    let (_connection, channel) = place.by_hand().await;
    publish(&channel, place.name("turns"), "run", &text).await;
    publish(&channel, place.name("cancel"), "", &text).await;

    let delivery = soon("the hint", deliveries.next()).await.unwrap();
    assert_eq!(delivery.hint, Hint::from(turn));
    let notice = soon("the cancel", listener.next()).await.unwrap();
    assert_eq!(notice, turn);
}

#[tokio::test]
async fn an_unreadable_message_goes_to_the_dead_letters_and_is_counted() {
    let place = Place::shared();
    let rabbit = place.connect().await;
    let mut deliveries = rabbit.queue().consume(1).await.unwrap();
    let mut listener = rabbit.cancels().listen().await.unwrap();
    let (_connection, channel) = place.by_hand().await;
    publish(&channel, place.name("turns"), "run", "{\"turn_id\": 7}").await;
    publish(&channel, place.name("cancel"), "", "\u{0}").await;
    let turn = key();
    rabbit.queue().publish(turn.into()).await.unwrap();
    rabbit.cancels().publish(turn).await.unwrap();

    let delivery = soon("the good hint", deliveries.next()).await.unwrap();
    assert_eq!(delivery.hint.turn, turn);
    let notice = soon("the good cancel", listener.next()).await.unwrap();
    assert_eq!(notice, turn);
    assert_eq!(place.dead_letter(&channel).await, "{\"turn_id\": 7}");
    assert_eq!(rabbit.unreadable(), 2);
}

#[tokio::test]
async fn a_hint_that_comes_back_for_ever_goes_to_the_dead_letters() {
    let place = Place::shared();
    let rabbit = place.connect().await;
    let turn = key();
    rabbit.queue().publish(turn.into()).await.unwrap();
    let mut deliveries = rabbit.queue().consume(1).await.unwrap();
    let (_connection, channel) = place.by_hand().await;
    let refusing = async {
        let mut refused = 0;
        loop {
            drop(deliveries.next().await.unwrap());
            refused += 1;
            assert!(refused < 100, "it comes for ever");
        }
    };
    let letter = tokio::select! {
        () = refusing => String::new(),
        letter = place.dead_letter(&channel) => letter,
    };
    assert!(letter.contains(&turn.turn_id.to_string()), "{letter}");
}

#[tokio::test]
async fn eight_listeners_hear_every_one_of_two_hundred_cancels() {
    let place = Place::shared();
    let (publisher, mut listeners) = (place.connect().await, Vec::new());
    for _ in 0..8 {
        let executor = place.connect().await;
        let listener = executor.cancels().listen().await.unwrap();
        listeners.push((executor, listener));
    }
    let turns: Vec<_> = (0..200).map(|_| key()).collect();
    for turn in &turns {
        publisher.cancels().publish(*turn).await.unwrap();
    }
    for (_executor, listener) in &mut listeners {
        for turn in &turns {
            assert_eq!(soon("a cancel", listener.next()).await.unwrap(), *turn);
        }
    }
}
