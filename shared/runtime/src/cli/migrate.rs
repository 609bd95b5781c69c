use super::print;
use crate::{adapters, settings::SettingsDraft};
use anyhow::Context as _;
use copilot_migrations::{down, status, up};
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
        Migrate::Down => down(database.connection()).await?,
        Migrate::Status => {}
    }
    let status = status(database.connection()).await?;
    let lines = [
        ("applied", &status.applied),
        ("pending", &status.pending),
        ("newer", &status.newer),
    ];
    for (state, names) in lines {
        for name in names {
            print(&format!("{state:<8} {name}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
