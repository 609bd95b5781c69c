//! Runs a command with the servers that tests need: `test-servers -- cargo nextest run`.
//!
//! It starts a private PostgreSQL unless `COPILOT_TEST_POSTGRES_URL` names one, tells the
//! variables, runs the command with them, stops the servers and gives the command's exit code.
//! Without a command it holds the servers until it is told to stop.
#![expect(clippy::expect_used, reason = "test support fails loudly")]

use std::env;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command as Program, ExitCode};

use clap::Parser;
use copilot_harness::postgres::SERVER_VARIABLE;
use copilot_harness::postgres_server::PostgresServer;
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
    let server = match env::var(SERVER_VARIABLE) {
        Ok(_) => None,
        Err(_) => Some(PostgresServer::start().await),
    };
    let url = server.as_ref().map(PostgresServer::url);
    if let Some(url) = &url {
        eprintln!("export {SERVER_VARIABLE}={url}");
    }
    let Some((program, rest)) = arguments.command.split_first() else {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        return ExitCode::SUCCESS;
    };
    let mut command = Command::new(program);
    command.args(rest).kill_on_drop(true);
    if let Some(url) = url {
        command.env(SERVER_VARIABLE, url);
    }
    match command.spawn() {
        Ok(child) => run(child, &mut interrupt, &mut terminate).await,
        Err(error) => {
            eprintln!("cannot run {program}: {error}");
            ExitCode::from(127)
        }
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
