//! `copilot-api`: the REST and SSE server of the distributed mode, over Postgres, Redis and
//! RabbitMQ. Turns are run by `copilot-executor`.

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use copilot_api::ApiCommand;
use copilot_runtime::{
    adapters::Adapters,
    cli::{CommonArgs, CommonCommand, Role, exit, print},
    lifecycle::{Lifecycle, OsSignals},
    metrics::{MetricsListener, Registry},
    settings::{Program, Settings},
};
use std::process::ExitCode;
use tokio::net::TcpListener;

/// The REST and SSE server of Copilot's distributed mode.
#[derive(Debug, Parser)]
#[command(name = "copilot-api", version)]
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
    #[command(flatten)]
    Api(ApiCommand),
}

fn main() -> ExitCode {
    exit(Program::Api, run(Cli::parse()))
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let settings = || cli.common.begin(Program::Api);
    let command = cli.command.unwrap_or(Command::Common(CommonCommand::Serve));
    match command {
        Command::Common(command) => {
            // It has no part that the shared checks leave out.
            let checks = |_: &Settings| Vec::new();
            command.run(settings(), Role { serve, checks })
        }
        Command::Api(command) => command.run(settings),
    }
}

async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let signals = OsSignals::listen().context("signals cannot be caught")?;
    let listen = settings.server.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("server.listen: cannot listen on {listen}"))?;
    let address = listener.local_addr().context("server.listen")?;
    let operators = match settings.metrics.listen {
        Some(address) => Some(MetricsListener::bind(address).await?),
        None => None,
    };
    let mut metrics = Registry::default();
    let (adapters, connections) = Adapters::distributed(&settings, &mut metrics).await?;

    let lifecycle = Lifecycle::new();
    copilot_api::start(&settings, adapters, listener, &lifecycle, &mut metrics)?;
    print(&format!(
        "copilot-api {} listens on http://{address}{}/",
        env!("CARGO_PKG_VERSION"),
        settings.server.base_path
    ))?;
    let drain = settings.server.shutdown_delay + settings.server.drain_timeout;
    let process = lifecycle.run_until_stopped(signals, drain);
    let stopped = match operators {
        Some(operators) => operators.serve_while(metrics, None, process).await,
        None => process.await,
    };
    connections.close().await;
    Ok(stopped.into())
}
