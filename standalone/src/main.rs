//! `copilot`: API and executor in one process over SQLite, the embedded default.

mod banner;
mod chat;
mod cli;
mod serve;

use crate::cli::{Cli, Command};
use clap::Parser;
use copilot_runtime::{
    cli::{Role, exit},
    settings::Program,
};
use std::process::ExitCode;

fn main() -> ExitCode {
    exit(Program::Copilot, run(Cli::parse()))
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let settings = || cli.common.begin(Program::Copilot);
    match cli.command.unwrap_or_default() {
        Command::Common(command) => {
            let role = Role {
                serve: serve::serve,
                checks: copilot_executor::checks,
            };
            command.run(settings(), role)
        }
        Command::Api(command) => command.run(settings),
        Command::Chat(args) => Ok(chat::chat(args)),
    }
}
