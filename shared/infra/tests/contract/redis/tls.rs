//! `rediss://`.

use super::{config, connected};
use crate::{
    streams::{append, begun, follow_until},
    world::entry,
};
use copilot_core::{port::stream::TurnStreams, position::Position};
use copilot_harness::{certificates::Certificates, port::Port, redis_server::RedisServer};
use copilot_infra::redis_stream::{
    RedisClientCertificate, RedisConfig, RedisConnectError, RedisNodes, RedisStreams, RedisTls,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

fn tls_config(port: &Port, trusted: &Certificates, shown: Option<&Certificates>) -> RedisConfig {
    let mut config = config(RedisNodes::One(format!("rediss://{}", port.address())));
    config.tls = RedisTls {
        ca_file: Some(trusted.authority()),
        client: shown.map(|shown| RedisClientCertificate {
            cert_file: shown.certificate(),
            key_file: shown.key(),
        }),
    };
    config
}

async fn refused(config: RedisConfig) -> RedisConnectError {
    let connected = RedisStreams::connect(config, TaskTracker::new(), CancellationToken::new());
    connected.await.err().unwrap()
}

#[tokio::test]
async fn certificates_are_checked_on_both_sides() {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .unwrap();
    let (ours, other) = (Certificates::make(), Certificates::make());
    let port = Port::free();
    let _server = RedisServer::start_secured(&ours, &port).await;

    let streams = connected(tls_config(&port, &ours, Some(&ours))).await;
    let turn = begun(&*streams).await;
    let mut feed = streams.follow(turn).await.unwrap();
    let next = append(1, Position::new(1, 2), [entry(1, 3)]);
    streams.append(turn, next).await.unwrap();
    follow_until(feed.as_mut(), Position::new(1, 3)).await;

    for wrong in [
        tls_config(&port, &other, Some(&ours)),
        tls_config(&port, &ours, Some(&other)),
        tls_config(&port, &ours, None),
    ] {
        let error = refused(wrong).await;
        assert!(
            matches!(error, RedisConnectError::Refused { .. }),
            "{error}"
        );
    }
    let mut missing = tls_config(&port, &ours, None);
    missing.tls.ca_file = Some("/nowhere/ca.pem".into());
    assert!(
        refused(missing)
            .await
            .to_string()
            .starts_with("redis.tls_ca_file: /nowhere")
    );
}

#[tokio::test]
async fn a_process_without_tls_says_so() {
    let config = config(RedisNodes::One("rediss://127.0.0.1:1".to_owned()));
    let error = refused(config).await;
    assert!(matches!(error, RedisConnectError::NoTlsProvider), "{error}");
}
