//! Servers that are not there, or not what they should be: one line, then stop.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use copilot_harness::port::Port;
use copilot_harness::servers::{AMQP_VARIABLE, of_run};

use futures::future::join_all;

use super::Fleet;
use crate::start_up::refusal;

/// No start waits longer for one server.
const PATIENCE: Duration = Duration::from_secs(25);
const PASSWORD: &str = "hunter2";

#[tokio::test]
async fn a_wrong_or_unreachable_server_stops_the_start_with_one_line() {
    let closed = Port::free();
    // It takes connections, and never says anything.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_at = silent.local_addr().unwrap();
    let closed_at = closed.address();
    let broker = of_run(AMQP_VARIABLE);
    let (_, broker_at) = broker.rsplit_once('@').unwrap();
    let cases = [
        (
            "DATABASE",
            format!("postgres://app:{PASSWORD}@{closed_at}/app"),
        ),
        (
            "DATABASE",
            format!("postgres://app:{PASSWORD}@{silent_at}/app"),
        ),
        (
            "DATABASE",
            format!("mysql://app:{PASSWORD}@{closed_at}/app"),
        ),
        ("REDIS", format!("redis://app:{PASSWORD}@{closed_at}")),
        ("REDIS", format!("redis://app:{PASSWORD}@{silent_at}")),
        ("REDIS", format!("http://app:{PASSWORD}@{closed_at}")),
        ("RABBITMQ", format!("amqp://app:{PASSWORD}@{closed_at}")),
        ("RABBITMQ", format!("amqp://app:{PASSWORD}@{silent_at}")),
        ("RABBITMQ", format!("amqp://app:{PASSWORD}@{broker_at}")),
        ("RABBITMQ", format!("{broker}/no-such-vhost")),
    ];
    // Most of the time is waited, so all wait together.
    join_all(cases.map(|(section, url)| refused(section, url))).await;
}

async fn refused(section: &str, url: String) {
    let mut fleet = Fleet::prepare(1, 1).await;
    fleet.copilot.set(&format!("COPILOT__{section}__URL"), &url);
    let key = format!("{}.url", section.to_lowercase());
    let (api, executor) = (fleet.copilot.api(0), fleet.copilot.executor(0));
    let refusing = [api, executor].map(async |process| {
        let begun = Instant::now();
        let line = refusal(&process.run(&["serve"]).await);
        let name = process.name();
        assert!(begun.elapsed() < PATIENCE, "{name}, {url}: {line}");
        assert!(line.contains(&key), "{name}, {url}: {line}");
        assert!(!line.contains(PASSWORD), "{name}, {url}: {line}");
    });
    join_all(refusing).await;
}
