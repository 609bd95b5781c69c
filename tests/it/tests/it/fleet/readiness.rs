//! A server that is lost stops no process; each says which part is away.

use copilot_harness::deadline::{DEADLINE, poll_until};
use copilot_harness::postgres_server::PostgresServer;
use copilot_harness::rabbit_server::RabbitServer;
use copilot_harness::redis_server::RedisServer;
use copilot_harness::servers::Servers;

use super::Fleet;

#[tokio::test]
async fn a_lost_server_is_named_by_readyz_and_no_process_ends() {
    let postgres = PostgresServer::start().await;
    let redis = RedisServer::start().await;
    let rabbit = RabbitServer::start().await;
    let servers = Servers {
        postgres: Some(postgres.url()),
        redis: Some(redis.url()),
        amqp: Some(rabbit.url()),
    };
    let mut fleet = Fleet::prepare_on(servers, 1, 1).await;
    fleet.copilot.start().await;
    until(&fleet, None).await;

    redis.freeze();
    until(&fleet, Some("redis")).await;
    redis.thaw();
    until(&fleet, None).await;

    rabbit.freeze();
    until(&fleet, Some("rabbitmq")).await;
    rabbit.thaw();
    until(&fleet, None).await;

    postgres.freeze();
    until(&fleet, Some("database")).await;
    postgres.thaw();
    until(&fleet, None).await;

    assert!(fleet.copilot.is_running());
    drop(fleet);
}

/// Waits until api and executor both say that this part is away; none: that they are ready.
async fn until(fleet: &Fleet, away: Option<&str>) {
    for probe in fleet.copilot.probes() {
        let says_so = async || {
            let answer = probe.get("/readyz").answer().await;
            match away {
                None => answer.status == 200,
                Some(part) => answer.status == 503 && answer.text().contains(part),
            }
        };
        let what = || format!("{}/readyz names {away:?}", probe.base());
        poll_until(DEADLINE, what, says_so).await;
    }
}
