//! The contract of [`TurnQueue`].

use crate::world::{key, nothing, soon};
use copilot_core::port::queue::TurnQueue;
use std::collections::HashSet;

/// Tests of one adapter; `$make` is an expression that makes a fresh, empty queue.
macro_rules! queue_suite {
    ($adapter:ident, $make:expr) => {
        mod $adapter {
            queue_suite!(@each $make,
                a_published_hint_reaches_one_consumer
                a_consumer_waits_for_a_hint
                hints_come_in_the_order_of_publishing
                at_most_prefetch_deliveries_are_out
                a_dropped_receipt_brings_the_hint_back
                a_dropped_consumer_brings_back_what_it_had
                an_acknowledged_hint_never_comes_back
                an_abandoned_wait_loses_no_hint
            );
        }
    };
    (@each $make:expr, $($test:ident)+) => {$(
        #[tokio::test]
        async fn $test() {
            super::$test(&$make).await;
        }
    )+};
}

queue_suite!(
    in_process,
    copilot_infra::in_process::InProcessQueue::default()
);
queue_suite!(rabbit, *crate::broker::rabbit().await.queue());

async fn a_published_hint_reaches_one_consumer(queue: &dyn TurnQueue) {
    let mut first = queue.consume(4).await.unwrap();
    let mut second = queue.consume(4).await.unwrap();
    let turn = key();
    queue.publish(turn.into()).await.unwrap();

    let (got, other) = soon("one of two consumers", async {
        tokio::select! {
            got = first.next() => (got, &mut second),
            got = second.next() => (got, &mut first),
        }
    })
    .await;
    let delivery = got.unwrap();
    assert_eq!(delivery.hint.turn, turn);
    nothing("the hint came twice", other.next()).await;
}

async fn a_consumer_waits_for_a_hint(queue: &dyn TurnQueue) {
    let mut consumer = queue.consume(1).await.unwrap();
    let turn = key();
    let (delivery, published) = soon("a hint", async {
        tokio::join!(consumer.next(), queue.publish(turn.into()))
    })
    .await;
    published.unwrap();
    assert_eq!(delivery.unwrap().hint.turn, turn);
}

async fn hints_come_in_the_order_of_publishing(queue: &dyn TurnQueue) {
    let turns = [key(), key(), key()];
    for turn in turns {
        queue.publish(turn.into()).await.unwrap();
    }
    let mut consumer = queue.consume(1).await.unwrap();
    for turn in turns {
        let delivery = soon("a hint", consumer.next()).await.unwrap();
        assert_eq!(delivery.hint.turn, turn);
        delivery.receipt.ack().await;
    }
}

async fn at_most_prefetch_deliveries_are_out(queue: &dyn TurnQueue) {
    for _ in 0..3 {
        queue.publish(key().into()).await.unwrap();
    }
    let mut consumer = queue.consume(2).await.unwrap();
    let first = soon("the first", consumer.next()).await.unwrap();
    let _second = soon("the second", consumer.next()).await.unwrap();
    nothing("a third delivery is out", consumer.next()).await;
    first.receipt.ack().await;
    soon("the third", consumer.next()).await.unwrap();
}

async fn a_dropped_receipt_brings_the_hint_back(queue: &dyn TurnQueue) {
    let turn = key();
    queue.publish(turn.into()).await.unwrap();
    let mut consumer = queue.consume(1).await.unwrap();
    drop(soon("a hint", consumer.next()).await.unwrap());
    assert_eq!(
        soon("the hint again", consumer.next())
            .await
            .unwrap()
            .hint
            .turn,
        turn
    );
}

async fn a_dropped_consumer_brings_back_what_it_had(queue: &dyn TurnQueue) {
    let turns = HashSet::from([key(), key()]);
    for turn in &turns {
        queue.publish((*turn).into()).await.unwrap();
    }
    let mut dying = queue.consume(8).await.unwrap();
    let first = soon("a hint", dying.next()).await.unwrap();
    let second = soon("a hint", dying.next()).await.unwrap();
    drop(dying);

    let mut living = queue.consume(8).await.unwrap();
    let mut again = HashSet::new();
    for _ in 0..turns.len() {
        let delivery = soon("a hint again", living.next()).await.unwrap();
        again.insert(delivery.hint.turn);
        delivery.receipt.ack().await;
    }
    assert_eq!(again, turns);
    // Too late: they were given to somebody else.
    first.receipt.ack().await;
    drop(second);
    nothing("a hint came a third time", living.next()).await;
}

async fn an_acknowledged_hint_never_comes_back(queue: &dyn TurnQueue) {
    queue.publish(key().into()).await.unwrap();
    let mut consumer = queue.consume(1).await.unwrap();
    soon("a hint", consumer.next())
        .await
        .unwrap()
        .receipt
        .ack()
        .await;
    drop(consumer);
    let mut consumer = queue.consume(1).await.unwrap();
    nothing("an acknowledged hint came again", consumer.next()).await;
}

async fn an_abandoned_wait_loses_no_hint(queue: &dyn TurnQueue) {
    let mut consumer = queue.consume(1).await.unwrap();
    nothing("there is no hint yet", consumer.next()).await;
    let turn = key();
    queue.publish(turn.into()).await.unwrap();
    assert_eq!(
        soon("a hint", consumer.next()).await.unwrap().hint.turn,
        turn
    );
}

#[tokio::test]
async fn a_full_queue_in_memory_drops_the_hint_and_says_nothing() {
    let queue = copilot_infra::in_process::InProcessQueue::new(1);
    queue.publish(key().into()).await.unwrap();
    queue.publish(key().into()).await.unwrap();
    assert_eq!(queue.depth(), 1);
}
