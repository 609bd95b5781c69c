//! TLS to all three servers, each with an authority of our own and a client certificate.

use copilot_harness::certificates::Certificates;
use copilot_harness::port::Port;
use copilot_harness::postgres_server::{PostgresServer, SECURED};
use copilot_harness::rabbit_server::RabbitServer;
use copilot_harness::redis_server::RedisServer;
use copilot_harness::servers::Servers;
use copilot_harness::text;

use super::Fleet;
use super::history::{Accepted, check};
use crate::start_up::refusal;

#[tokio::test]
async fn a_turn_runs_over_tls_with_client_certificates_and_strangers_are_refused() {
    let (ours, strange) = (Certificates::make(), Certificates::make());
    let (redis_port, amqp_port) = (Port::free(), Port::free());
    let postgres = PostgresServer::start_secured(&ours).await;
    let redis = RedisServer::start_secured(&ours, &redis_port).await;
    let rabbit = RabbitServer::start_secured(&ours, &amqp_port).await;
    let servers = Servers {
        postgres: Some(postgres.url()),
        redis: Some(redis.url()),
        amqp: Some(rabbit.url()),
    };
    let mut fleet = Fleet::prepare_on(servers, 1, 1).await;
    let database = fleet.copilot.tenancy().database_name().to_owned();
    let urls = [
        (
            "DATABASE",
            format!(
                "postgres://{SECURED}@localhost:{}/{database}?sslmode=verify-full",
                postgres.port()
            ),
        ),
        (
            "REDIS",
            format!("rediss://localhost:{}", redis_port.number()),
        ),
        (
            "RABBITMQ",
            format!("amqps://guest:guest@localhost:{}", amqp_port.number()),
        ),
    ];
    for (section, url) in &urls {
        fleet.copilot.set(&format!("COPILOT__{section}__URL"), url);
        trust(&mut fleet, section, &ours, &ours);
    }
    fleet.llm.script([text("Safely here.")]);

    fleet.copilot.start().await;
    let client = fleet.client(0);
    let turn = client.turn("hi").await;
    let answer = "Safely here.".to_owned();
    check(&client, &[Accepted { turn, answer }]).await;
    fleet.copilot.kill9();

    for (section, _) in &urls {
        for (authority, shown) in [(&strange, &ours), (&ours, &strange)] {
            trust(&mut fleet, section, authority, shown);
            let line = refusal(&fleet.copilot.run(&["serve"]).await);
            let section = section.to_lowercase();
            assert!(line.contains(&format!("{section}.")), "{line}");
        }
        trust(&mut fleet, section, &ours, &ours);
    }
    drop(fleet);
}

/// Which authority a server is checked against, and what it is shown.
fn trust(fleet: &mut Fleet, section: &str, authority: &Certificates, shown: &Certificates) {
    for (key, file) in [
        ("CA", authority.authority()),
        ("CERT", shown.certificate()),
        ("KEY", shown.key()),
    ] {
        let name = format!("COPILOT__{section}__TLS_{key}_FILE");
        fleet.copilot.set(&name, file.to_string_lossy());
    }
}
