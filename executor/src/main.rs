//! `copilot-executor`: runs turns in the distributed mode, over Postgres, Redis and RabbitMQ.
//! Any number of them work side by side.

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use copilot_core::service::readiness::Readiness;
use copilot_runtime::{
    adapters::Adapters,
    cli::{CommonArgs, CommonCommand, Role, exit, print},
    lifecycle::{Lifecycle, OsSignals},
    metrics::{MetricsListener, Registry},
    settings::{Program, Settings},
};
use std::{process::ExitCode, sync::Arc, time::Duration};

/// Runs the turns of Copilot's distributed mode.
#[derive(Debug, Parser)]
#[command(name = "copilot-executor", version)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Common(CommonCommand),
}

fn main() -> ExitCode {
    exit(Program::Executor, run(Cli::parse()))
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let settings = cli.common.begin(Program::Executor);
    let Command::Common(command) = cli.command.unwrap_or(Command::Common(CommonCommand::Serve));
    let checks = copilot_executor::checks;
    command.run(settings, Role { serve, checks })
}

async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let signals = OsSignals::listen().context("signals cannot be caught")?;
    let operators = match settings.metrics.listen {
        Some(address) => Some(MetricsListener::bind(address).await?),
        None => None,
    };
    let mut metrics = Registry::default();
    let (adapters, connections) = Adapters::distributed(&settings, &mut metrics).await?;

    let lifecycle = Lifecycle::new();
    let readiness = Readiness::new(
        Arc::clone(&adapters.store),
        adapters.ready_parts.clone(),
        lifecycle.soft(),
    );
    // Others take what it leaves, so it takes nothing new from the first signal on.
    copilot_executor::start(
        &settings,
        adapters,
        &lifecycle,
        &mut metrics,
        Duration::ZERO,
    )
    .await?;
    print(&format!(
        "copilot-executor {} takes up to {} turns at a time",
        env!("CARGO_PKG_VERSION"),
        settings.executor.concurrency
    ))?;
    let drain = settings.executor.drain_timeout + copilot_executor::HAND_OVER_LIMIT;
    let process = lifecycle.run_until_stopped(signals, drain);
    let stopped = match operators {
        Some(operators) => {
            let readiness = Some(Arc::new(readiness));
            operators.serve_while(metrics, readiness, process).await
        }
        None => process.await,
    };
    connections.close().await;
    Ok(stopped.into())
}
