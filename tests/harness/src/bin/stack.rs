//! The whole product on one machine, for a person: two apis and two executors over the private
//! servers that `test-servers` has started. `./dev stack` runs it. Ctrl-C stops all; nothing is
//! kept.
#![expect(clippy::expect_used, reason = "test support fails loudly")]

use std::env;

use copilot_harness::Copilot;
use tokio::signal::unix::{SignalKind, signal};

/// Variables that are handed on to the programs, beside `COPILOT__…`: where the model is.
const HANDED_ON: [&str; 3] = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY"];
/// Where the first api listens if the port is free; the second one follows.
const FIRST_PORT: u16 = 8006;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut interrupt = signal(SignalKind::interrupt()).expect("a handler for SIGINT");
    let mut terminate = signal(SignalKind::terminate()).expect("a handler for SIGTERM");
    let mut copilot = Copilot::distributed();
    copilot.add_api();
    copilot.add_executor();
    let (apis, executors) = copilot.size();
    for (number, port) in (0..apis).zip(FIRST_PORT..) {
        copilot.prefer_port(number, port);
    }
    for (name, value) in env::vars() {
        if name.starts_with("COPILOT__") || HANDED_ON.contains(&name.as_str()) {
            copilot.set(&name, value);
        }
    }
    copilot.start().await;
    for number in 0..apis {
        println!("api {number}        {}/", copilot.base_of(number));
    }
    for number in 0..executors {
        println!(
            "executor {number}   process {}",
            copilot.executor(number).pid()
        );
    }
    println!("logs         {}", copilot.directory().display());
    println!("data         {}", copilot.tenancy().database_url());
    println!("Ctrl-C stops all.");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
