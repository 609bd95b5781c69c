//! The composition root: settings become adapters, adapters become api and executor.

use crate::banner::banner;
use anyhow::Context;
use copilot_runtime::{
    adapters::{Adapters, open_database},
    lifecycle::{Lifecycle, OsSignals},
    metrics::{MetricsListener, Registry},
    settings::Settings,
};
use std::process::ExitCode;
use tokio::net::TcpListener;

/// Serves until a signal.
pub(crate) async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let signals = OsSignals::listen().context("signals cannot be caught")?;
    let listener = TcpListener::bind(settings.server.listen)
        .await
        .with_context(|| format!("server.listen: cannot listen on {}", settings.server.listen))?;
    let address = listener.local_addr().context("server.listen")?;
    let operators = match settings.metrics.listen {
        Some(address) => Some(MetricsListener::bind(address).await?),
        None => None,
    };
    let database = open_database(settings.program, &settings.database).await?;
    let mut metrics = Registry::default();
    let adapters = Adapters::embedded(database, &settings.log, &mut metrics);

    let lifecycle = Lifecycle::new();
    // It takes turns for as long as the server accepts them.
    let delay = settings.server.shutdown_delay;
    copilot_executor::start(&settings, adapters.clone(), &lifecycle, &mut metrics, delay).await?;
    copilot_api::start(&settings, adapters, listener, &lifecycle, &mut metrics)?;
    println!(
        "{}",
        banner(address, &settings.server.base_path, &settings.llm)
    );
    let drain = delay + settings.server.drain_timeout;
    let process = lifecycle.run_until_stopped(signals, drain);
    let stopped = match operators {
        Some(operators) => operators.serve_while(metrics, None, process).await,
        None => process.await,
    };
    Ok(stopped.into())
}
