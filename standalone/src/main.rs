//! `copilot`: API and executor in one process over SQLite, the embedded default.

mod banner;
mod cli;
mod serve;

use crate::cli::{Cli, Command};
use clap::Parser;
use copilot_runtime::{
    cli::{CommonCommand, exit},
    settings::Program,
};
use std::process::ExitCode;

fn main() -> ExitCode {
    exit(Program::Copilot, run(Cli::parse()))
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let settings = || cli.common.begin(Program::Copilot);
    match cli.command {
        None => CommonCommand::Serve.run(&settings()?, serve::serve),
        Some(Command::Common(command)) => command.run(&settings()?, serve::serve),
        Some(Command::Api(command)) => command.run(settings),
    }
}
