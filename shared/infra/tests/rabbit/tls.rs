//! `amqps://` with an authority of our own and a client certificate.

use crate::place::{Place, key, soon};
use copilot_harness::{certificates::Certificates, port::Port, rabbit_server::RabbitServer};
use copilot_infra::rabbit::{RabbitClientCertificate, RabbitConnectError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_trusted_broker_is_talked_to() {
    let (ours, other) = (Certificates::make(), Certificates::make());
    let port = Port::free();
    let _server = RabbitServer::start_secured(&ours, &port).await;
    let mut place = Place::on(format!("amqps://guest:guest@localhost:{}", port.number()));
    place.config.tls.client = Some(RabbitClientCertificate {
        cert_file: ours.certificate(),
        key_file: ours.key(),
    });

    place.config.tls.ca_file = Some(other.authority());
    let refused = soon("a refusal", place.try_connect()).await;
    let error = refused.err().expect("it trusts a stranger");
    assert!(matches!(error, RabbitConnectError::Tls { .. }), "{error}");

    place.config.tls.ca_file = Some("/nowhere/missing.pem".into());
    let refused = soon("a refusal", place.try_connect()).await;
    let line = refused.err().expect("it needs the file").to_string();
    assert!(line.starts_with("rabbitmq.tls_ca_file") && line.contains("missing.pem"));

    place.config.tls.ca_file = Some(ours.authority());
    let rabbit = soon("a connection", place.connect()).await;
    let mut deliveries = rabbit.queue().consume(1).await.unwrap();
    let turn = key();
    rabbit.queue().publish(turn.into()).await.unwrap();
    let delivery = soon("the hint", deliveries.next()).await.unwrap();
    assert_eq!(delivery.hint.turn, turn);

    place.config.tls.client = None;
    let refused = soon("a refusal", place.try_connect()).await;
    assert!(refused.is_err(), "the broker wants a client certificate");
}
