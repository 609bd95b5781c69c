//! The command line.

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// A chat copilot whose answers survive a closed laptop, a deploy and a killed worker.
#[derive(Debug, Parser)]
#[command(name = "copilot", version, about)]
pub(crate) struct Cli {
    /// Settings file; `copilot.toml` in this folder if it is there.
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve API and executor until Ctrl-C or SIGTERM.
    Serve,
    /// Change or show the database's schema.
    Migrate {
        /// Which way.
        #[command(subcommand)]
        direction: Migrate,
    },
    /// Print the effective settings, secrets redacted, each with where it comes from.
    Config,
    /// Print the OpenAPI document.
    Openapi,
}

/// Which way to migrate.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Migrate {
    /// Apply all that is missing.
    Up,
    /// Take the newest one back.
    Down,
    /// Show what is applied.
    Status,
}
