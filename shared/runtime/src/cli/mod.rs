//! The command line that the three programs share.
//!
//! Each program has its own `Cli` (its name and what only it can do) with [`CommonArgs`] and
//! [`CommonCommand`] flattened into it, and hands over how it serves.

mod migrate;
mod print;
mod settings;

pub use migrate::Migrate;
pub use print::print;

use crate::{
    settings::{Program, Settings, SettingsDraft, Sources},
    telemetry,
};
use anyhow::Context as _;
use std::{env, path::PathBuf, process::ExitCode};

/// What each program takes.
#[derive(Debug, Clone, clap::Args)]
pub struct CommonArgs {
    /// Settings file; `copilot.toml` in this folder if it is there.
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
}

/// What each program can do.
#[derive(Debug, Clone, Default, clap::Subcommand)]
pub enum CommonCommand {
    /// Serve until Ctrl-C or SIGTERM; also when nothing is said.
    #[default]
    Serve,
    /// Change or show the database's schema.
    Migrate {
        /// Which way.
        #[command(subcommand)]
        direction: Migrate,
    },
    /// Print the effective settings, secrets redacted, each with where it comes from.
    Config,
}

impl CommonArgs {
    /// Reads the settings and sets up the log.
    pub fn begin(self, program: Program) -> anyhow::Result<SettingsDraft> {
        let folder = env::current_dir().context("the working folder cannot be read")?;
        let sources = Sources::new(folder, self.config, env::vars_os());
        let draft = SettingsDraft::read(program, &sources)?;
        telemetry::init(&draft.log()).context("log.level")?;
        Ok(draft)
    }
}

impl CommonCommand {
    /// Does it; `serve` is the program's own part.
    pub fn run<F>(self, draft: &SettingsDraft, serve: F) -> anyhow::Result<ExitCode>
    where
        F: AsyncFnOnce(Settings) -> anyhow::Result<ExitCode>,
    {
        let runtime = tokio::runtime::Runtime::new().context("the runtime cannot be started")?;
        match self {
            Self::Serve => runtime.block_on(serve(draft.settings()?)),
            Self::Migrate { direction } => runtime.block_on(migrate::run(draft, direction)),
            Self::Config => settings::show(draft),
        }
    }
}

/// The exit code of a program; what went wrong is one line, what lies behind it part of it.
#[must_use]
pub fn exit(program: Program, result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("{program}: {error:#}");
        ExitCode::FAILURE
    })
}
