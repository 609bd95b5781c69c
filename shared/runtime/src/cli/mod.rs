//! The command line that the three programs share.
//!
//! Each program has its own `Cli` (its name and what only it can do) with [`CommonArgs`] and
//! [`CommonCommand`] flattened into it, and hands over how it serves.

mod doctor;
mod format;
mod migrate;
mod print;
mod settings;

pub use migrate::Migrate;
pub use print::print;

use self::format::Format;
use crate::{
    doctor::Check,
    one_line,
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
    Config {
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Ask each part that the program needs, and say what is wrong and how to mend it.
    Doctor {
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
}

/// What a program does by itself.
pub struct Role<S, C> {
    /// Serves until a signal.
    pub serve: S,
    /// What `doctor` is to ask beside the parts that every program has.
    pub checks: C,
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
    /// Does it. Wrong settings end all of them but `doctor`, which tells of them.
    pub fn run<S, C>(
        self,
        draft: anyhow::Result<SettingsDraft>,
        role: Role<S, C>,
    ) -> anyhow::Result<ExitCode>
    where
        S: AsyncFnOnce(Settings) -> anyhow::Result<ExitCode>,
        C: FnOnce(&Settings) -> Vec<Box<dyn Check>>,
    {
        let runtime = tokio::runtime::Runtime::new().context("the runtime cannot be started")?;
        match self {
            Self::Serve => runtime.block_on((role.serve)(draft?.settings()?)),
            Self::Migrate { direction } => runtime.block_on(migrate::run(&draft?, direction)),
            Self::Config { json } => settings::show(&draft?, Format::chosen(json)),
            Self::Doctor { json } => {
                runtime.block_on(doctor::run(draft, role.checks, Format::chosen(json)))
            }
        }
    }
}

/// The exit code of a program; what went wrong is one line, what lies behind it part of it.
#[must_use]
pub fn exit(program: Program, result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("{program}: {}", one_line(error.as_ref()));
        ExitCode::FAILURE
    })
}
