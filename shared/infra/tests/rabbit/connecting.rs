//! The first connection: what is wrong is told in one line, in time, without the password.

use crate::place::{Place, death, key, soon};
use copilot_infra::rabbit::RabbitConnectError;
use lapin::{options::QueueDeclareOptions, types::FieldTable};
use std::net::TcpListener;
use url::Url;

fn changed(change: impl FnOnce(&mut Url)) -> Place {
    let mut place = Place::shared();
    let mut url: Url = place.config.url.parse().unwrap();
    change(&mut url);
    place.config.url = url.into();
    place
}

async fn refused(place: &Place) -> RabbitConnectError {
    let connected = soon("an answer", place.try_connect()).await;
    connected.err().expect("it connected")
}

#[tokio::test]
async fn a_wrong_password_is_told_without_showing_it() {
    let place = changed(|url| url.set_password(Some("not-the-secret")).unwrap());
    let error = refused(&place).await;
    let line = error.to_string();
    assert!(
        matches!(error, RabbitConnectError::Credentials { .. }),
        "{line}"
    );
    assert!(line.contains("rabbitmq.url") && line.contains("`guest`"));
    assert!(!line.contains("not-the-secret") && !line.contains('\n'));
}

#[tokio::test]
async fn a_missing_virtual_host_is_named() {
    let error = refused(&changed(|url| url.set_path("nowhere"))).await;
    let line = error.to_string();
    assert!(
        matches!(error, RabbitConnectError::VirtualHost { .. }),
        "{line}"
    );
    assert!(line.contains("`nowhere`"), "{line}");
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_waited_for_within_limits() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let place = changed(|url| url.set_port(Some(port)).unwrap());
    let error = refused(&place).await;
    let line = error.to_string();
    assert!(
        matches!(error, RabbitConnectError::Unreachable { .. }),
        "{line}"
    );
    assert!(line.contains(&port.to_string()) && !line.contains("guest:"));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let error = refused(&changed(|url| url.set_port(Some(port)).unwrap())).await;
    assert!(
        matches!(error, RabbitConnectError::Silent { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn another_declaration_of_the_same_name_is_told_with_the_remedy() {
    let place = Place::shared();
    let (_connection, channel) = place.by_hand().await;
    let name = place.name("turns.v1");
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(name.as_str().into(), durable, FieldTable::default())
        .await
        .unwrap();

    let error = refused(&place).await;
    let line = error.to_string();
    assert!(
        matches!(error, RabbitConnectError::Declaration { .. }),
        "{line}"
    );
    assert!(
        line.contains("rabbitmq.prefix") && line.contains(&name),
        "{line}"
    );
    assert!(line.contains("delete it"), "{line}");
}

#[tokio::test]
async fn a_closed_connection_ends_its_consumers_and_publishes_nothing() {
    let rabbit = Place::shared().connect().await;
    rabbit.check().await.unwrap();
    let queue = rabbit.queue();
    let mut deliveries = queue.consume(1).await.unwrap();
    rabbit.close().await;

    assert!(death(deliveries.as_mut()).await.is_unavailable());
    assert!(queue.publish(key().into()).await.is_err());
    assert!(rabbit.check().await.is_err());
}
