//! The broker is ill-treated; everything heals without anybody's doing.

use crate::place::{Place, await_hint, death, key, publish_at_last, soon};
use copilot_harness::rabbit_server::RabbitServer;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_was_restarted_mid_consume_is_found_again() {
    let mut server = RabbitServer::start().await;
    let rabbit = Place::on(server.url()).connect().await;
    let (queue, cancels) = (rabbit.queue(), rabbit.cancels());
    let mut deliveries = queue.consume(1).await.unwrap();
    let mut listener = cancels.listen().await.unwrap();
    let kept = key();
    queue.publish(kept.into()).await.unwrap();
    let held = soon("the hint", deliveries.next()).await.unwrap();

    // In good order: after SIGKILL the only node of a quorum queue of RabbitMQ 3.10 may refuse
    // consumers for minutes, and meanwhile the look finds the turns.
    server.stop();

    assert!(death(deliveries.as_mut()).await.is_unavailable());
    let heard = soon("the listener's end", listener.next()).await;
    assert!(heard.unwrap_err().is_unavailable());
    // Nobody hears it, and nothing waits for it.
    soon("an acknowledgement", held.receipt.ack()).await;
    assert!(
        queue
            .publish(key().into())
            .await
            .unwrap_err()
            .is_unavailable()
    );
    assert!(rabbit.check().await.is_err());

    server.resume().await;

    // What was not acknowledged is there still.
    await_hint(queue.as_ref(), kept).await;
    rabbit.check().await.unwrap();
    let mut listener = cancels.listen().await.unwrap();
    let turn = key();
    cancels.publish(turn).await.unwrap();
    assert_eq!(soon("a cancel", listener.next()).await.unwrap(), turn);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_or_frozen_heal() {
    let server = RabbitServer::start().await;
    let rabbit = Place::on(server.url()).connect().await;
    let queue = rabbit.queue();
    let mut deliveries = queue.consume(1).await.unwrap();

    server.control(&["close_all_connections", "test"]);

    assert!(death(deliveries.as_mut()).await.is_unavailable());
    let after_cut = key();
    publish_at_last(queue.as_ref(), after_cut).await;
    await_hint(queue.as_ref(), after_cut).await;

    let mut deliveries = queue.consume(1).await.unwrap();
    server.freeze();
    let begun = Instant::now();
    let publish = queue.publish(key().into()).await;
    assert!(publish.unwrap_err().is_unavailable());
    assert!(begun.elapsed() < Duration::from_secs(10), "it waited");
    assert!(rabbit.check().await.is_err());
    // Without heartbeats the half-open connection is given up.
    assert!(death(deliveries.as_mut()).await.is_unavailable());
    server.thaw();

    let after_frost = key();
    publish_at_last(queue.as_ref(), after_frost).await;
    await_hint(queue.as_ref(), after_frost).await;
    rabbit.check().await.unwrap();
}
