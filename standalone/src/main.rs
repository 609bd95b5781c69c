//! `copilot`: API and executor in one process over SQLite, the embedded default.

mod banner;
mod cli;
mod serve;

use crate::cli::{Cli, Command, Migrate};
use anyhow::Context;
use clap::Parser;
use copilot_migrations::{Migrator, MigratorTrait, status, up};
use copilot_runtime::{
    adapters,
    settings::{Program, SettingsDraft, Sources},
    telemetry,
};
use std::{env, process::ExitCode};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // One clear line; what lies behind it is part of it.
            eprintln!("copilot: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let command = cli.command.unwrap_or(Command::Serve);
    if matches!(command, Command::Openapi) {
        println!("{}", copilot_api::openapi());
        return Ok(ExitCode::SUCCESS);
    }
    let folder = env::current_dir().context("the working folder cannot be read")?;
    let sources = Sources::new(folder, cli.config, env::vars_os());
    let draft = SettingsDraft::read(Program::Copilot, &sources)?;
    telemetry::init(&draft.log()).context("log.level")?;
    let runtime = tokio::runtime::Runtime::new().context("the runtime cannot be started")?;
    match command {
        Command::Serve => runtime.block_on(serve::serve(draft.settings()?)),
        Command::Migrate { direction } => runtime.block_on(migrate(&draft, direction)),
        Command::Config => {
            draft.settings()?;
            for setting in draft.effective() {
                let value = setting.value.as_deref().unwrap_or("-");
                println!("{} = {value}  ({})", setting.key, setting.origin);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Openapi => Ok(ExitCode::SUCCESS),
    }
}

async fn migrate(draft: &SettingsDraft, direction: Migrate) -> anyhow::Result<ExitCode> {
    let database = adapters::connect(&draft.database()?)
        .await
        .context("database.url")?;
    match direction {
        Migrate::Up => up(database.connection()).await?,
        Migrate::Down => Migrator::down(database.connection(), Some(1)).await?,
        Migrate::Status => {}
    }
    let status = status(database.connection()).await?;
    for name in &status.applied {
        println!("applied  {name}");
    }
    for name in &status.pending {
        println!("pending  {name}");
    }
    for name in &status.newer {
        println!("newer    {name}");
    }
    Ok(ExitCode::SUCCESS)
}
