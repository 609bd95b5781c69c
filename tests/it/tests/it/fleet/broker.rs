//! What a test does to the broker behind the product's back.

use copilot_harness::Copilot;
use lapin::{
    Connection, ConnectionProperties,
    options::{ExchangeDeleteOptions, QueuePurgeOptions},
};

/// Deletes the exchange that cancels go to.
pub(crate) async fn delete_cancel_exchange(copilot: &Copilot) {
    let tenancy = copilot.tenancy();
    let connection = Connection::connect(tenancy.amqp_url(), ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let exchange = format!("{}.cancel", tenancy.prefix());
    channel
        .exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default())
        .await
        .unwrap();
}

/// Throws away what waits in the queue of turns.
pub(crate) async fn purge_turns(copilot: &Copilot) {
    let tenancy = copilot.tenancy();
    let connection = Connection::connect(tenancy.amqp_url(), ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let queue = format!("{}.turns.v1", tenancy.prefix());
    channel
        .queue_purge(queue.as_str().into(), QueuePurgeOptions::default())
        .await
        .unwrap();
}
