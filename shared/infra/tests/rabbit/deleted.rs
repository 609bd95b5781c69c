//! What somebody deletes on the broker comes back.

use crate::place::{Place, await_hint, death, key, publish_at_last, soon};
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions, QueuePurgeOptions};
use std::time::Duration;

#[tokio::test]
async fn a_purged_queue_goes_on() {
    let place = Place::shared();
    let rabbit = place.connect().await;
    let queue = rabbit.queue();
    queue.publish(key().into()).await.unwrap();
    let (_connection, channel) = place.by_hand().await;
    let name = place.name("turns.v1");
    channel
        .queue_purge(name.as_str().into(), QueuePurgeOptions::default())
        .await
        .unwrap();

    let turn = key();
    queue.publish(turn.into()).await.unwrap();
    let mut deliveries = queue.consume(1).await.unwrap();
    let delivery = soon("the hint", deliveries.next()).await.unwrap();
    assert_eq!(delivery.hint.turn, turn);
}

#[tokio::test]
async fn a_consumer_whose_queue_was_deleted_ends_and_can_be_made_again() {
    let place = Place::shared();
    let rabbit = place.connect().await;
    let queue = rabbit.queue();
    let mut deliveries = queue.consume(1).await.unwrap();
    let (_connection, channel) = place.by_hand().await;
    let name = place.name("turns.v1");
    channel
        .queue_delete(name.as_str().into(), QueueDeleteOptions::default())
        .await
        .unwrap();

    assert!(death(deliveries.as_mut()).await.is_unavailable());
    let mut deliveries = queue.consume(1).await.unwrap();
    let turn = key();
    queue.publish(turn.into()).await.unwrap();
    let delivery = soon("the hint", deliveries.next()).await.unwrap();
    assert_eq!(delivery.hint.turn, turn);
}

#[tokio::test]
async fn a_publish_makes_again_what_was_deleted() {
    let place = Place::shared();
    let rabbit = place.connect().await;
    let queue = rabbit.queue();
    queue.publish(key().into()).await.unwrap();
    let (_connection, channel) = place.by_hand().await;
    let name = place.name("turns.v1");
    channel
        .queue_delete(name.as_str().into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    let without_queue = key();
    queue.publish(without_queue.into()).await.unwrap();
    await_hint(queue.as_ref(), without_queue).await;

    let name = place.name("turns");
    channel
        .exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default())
        .await
        .unwrap();
    let without_exchange = key();
    publish_at_last(queue.as_ref(), without_exchange).await;
    await_hint(queue.as_ref(), without_exchange).await;
}

#[tokio::test]
async fn listeners_hear_again_after_the_fanout_was_deleted() {
    let place = Place::shared();
    let rabbit = place.connect().await;
    let cancels = rabbit.cancels();
    let mut listener = cancels.listen().await.unwrap();
    let (_connection, channel) = place.by_hand().await;
    let name = place.name("cancel");
    channel
        .exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default())
        .await
        .unwrap();

    let turn = key();
    let publishing = async {
        loop {
            // The first one may find no exchange, and its listeners not bound yet.
            cancels.publish(turn).await.ok();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let heard = tokio::select! {
        () = publishing => None,
        heard = soon("a cancel", listener.next()) => Some(heard.unwrap()),
    };
    assert_eq!(heard, Some(turn));
}
