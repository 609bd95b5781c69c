//! Runs a command with the servers that tests need: `test-servers -- cargo nextest run`.
//!
//! It starts a private PostgreSQL, a `RabbitMQ`, a Redis and a small Redis cluster, each unless its
//! variable (`COPILOT_TEST_POSTGRES_URL`, `COPILOT_TEST_AMQP_URL`, `COPILOT_TEST_REDIS_URL`,
//! `COPILOT_TEST_REDIS_CLUSTER_URL`) names one, tells the variables, runs the command with them,
//! stops the servers and gives the command's exit code.
//! Without a command it holds the servers until it is told to stop.
#![expect(clippy::expect_used, reason = "test support fails loudly")]

use std::env;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command as Program, ExitCode};

use clap::Parser;
use copilot_harness::postgres::SERVER_VARIABLE;
use copilot_harness::postgres_server::PostgresServer;
use copilot_harness::rabbit_server::RabbitServer;
use copilot_harness::redis_server::{RedisCluster, RedisServer};
use copilot_harness::servers::{AMQP_VARIABLE, REDIS_CLUSTER_VARIABLE, REDIS_VARIABLE};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Run a command with private test servers.
#[derive(Parser)]
struct Arguments {
    /// The command and its arguments, behind `--`.
    #[arg(last = true)]
    command: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Before the servers, so that a signal during their start does not leave them behind.
    let mut interrupt = signal(SignalKind::interrupt()).expect("a handler for SIGINT");
    let mut terminate = signal(SignalKind::terminate()).expect("a handler for SIGTERM");
    let postgres = unless_named(SERVER_VARIABLE, PostgresServer::start()).await;
    let rabbit = unless_named(AMQP_VARIABLE, RabbitServer::start()).await;
    let redis = unless_named(REDIS_VARIABLE, RedisServer::start()).await;
    let cluster = unless_named(REDIS_CLUSTER_VARIABLE, RedisCluster::start()).await;
    let started = [
        (SERVER_VARIABLE, postgres.as_ref().map(PostgresServer::url)),
        (AMQP_VARIABLE, rabbit.as_ref().map(RabbitServer::url)),
        (REDIS_VARIABLE, redis.as_ref().map(RedisServer::url)),
        (
            REDIS_CLUSTER_VARIABLE,
            cluster.as_ref().map(RedisCluster::url),
        ),
    ];
    let started = started
        .into_iter()
        .filter_map(|(variable, url)| Some((variable, url?)));
    let started: Vec<_> = started.collect();
    for (variable, url) in &started {
        eprintln!("export {variable}={url}");
    }
    let Some((program, rest)) = arguments.command.split_first() else {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        return ExitCode::SUCCESS;
    };
    let mut command = Command::new(program);
    command.args(rest).envs(started).kill_on_drop(true);
    match command.spawn() {
        Ok(child) => run(child, &mut interrupt, &mut terminate).await,
        Err(error) => {
            eprintln!("cannot run {program}: {error}");
            ExitCode::from(127)
        }
    }
}

/// Starts a server unless the environment names one.
async fn unless_named<S>(variable: &str, start: impl Future<Output = S>) -> Option<S> {
    match env::var(variable) {
        Ok(_) => None,
        Err(_) => Some(start.await),
    }
}

/// Wait for the command. SIGTERM is handed on; the terminal's SIGINT reaches it without us.
async fn run(mut child: Child, interrupt: &mut Signal, terminate: &mut Signal) -> ExitCode {
    loop {
        tokio::select! {
            ended = child.wait() => {
                let status = ended.expect("a child can be waited for");
                let by_signal = || status.signal().map(|number| 128 + number);
                let code = status.code().or_else(by_signal).unwrap_or(1);
                return ExitCode::from(u8::try_from(code).unwrap_or(1));
            }
            _ = interrupt.recv() => {}
            _ = terminate.recv() => forward(&child, "TERM"),
        }
    }
}

fn forward(child: &Child, name: &str) {
    if let Some(id) = child.id() {
        // It may have ended in the meantime.
        Program::new("kill")
            .args(["-s", name, &id.to_string()])
            .status()
            .ok();
    }
}
