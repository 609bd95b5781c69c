//! The command line.

use clap::{Parser, Subcommand};
use copilot_api::ApiCommand;
use copilot_runtime::cli::{CommonArgs, CommonCommand};
use copilot_terminal::ChatArgs;

/// A chat copilot whose answers survive a closed laptop, a deploy and a killed worker.
#[derive(Debug, Parser)]
#[command(name = "copilot", version, about)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Common(CommonCommand),
    #[command(flatten)]
    Api(ApiCommand),
    /// Talk to a running server from the terminal.
    Chat(ChatArgs),
}

impl Default for Command {
    fn default() -> Self {
        Self::Common(CommonCommand::default())
    }
}
