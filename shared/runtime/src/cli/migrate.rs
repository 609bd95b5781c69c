use crate::{adapters, settings::SettingsDraft};
use anyhow::Context as _;
use copilot_migrations::{Migrator, MigratorTrait as _, status, up};
use std::process::ExitCode;

/// Which way to migrate.
#[derive(Debug, Clone, Copy, clap::Subcommand)]
pub enum Migrate {
    /// Apply all that is missing.
    Up,
    /// Take the newest one back.
    Down,
    /// Show what is applied.
    Status,
}

pub(super) async fn run(draft: &SettingsDraft, direction: Migrate) -> anyhow::Result<ExitCode> {
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
