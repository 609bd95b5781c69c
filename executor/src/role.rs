//! The executor as a part of a process.

use crate::{Executor, ExecutorMetrics, Ports, SetupError, engine, executor_config, metrics};
use copilot_core::port::PortError;
use copilot_runtime::{
    adapters::Adapters, lifecycle::Lifecycle, metrics::Registry, settings::Settings,
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Why an executor does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The database did not take it in.
    #[error("the executor's lease cannot be taken")]
    Lease(#[source] PortError),
}

/// Runs turns until the process stops; takes new ones for `delay` longer than that.
pub async fn start(
    settings: &Settings,
    adapters: Adapters,
    lifecycle: &Lifecycle,
    registry: &mut Registry,
    delay: Duration,
) -> Result<(), StartError> {
    let metrics = ExecutorMetrics::register(registry, metrics::models(&settings.llm));
    let meter = Arc::<ExecutorMetrics>::clone(&metrics);
    let engine = engine(settings, Arc::clone(&adapters.ids), meter)?;
    let ports = Ports {
        store: adapters.store,
        streams: adapters.streams,
        queue: adapters.queue,
        cancels: adapters.cancels,
        ids: adapters.ids,
        clock: adapters.clock,
        ends: adapters.ends,
        rounds: adapters.rounds,
        metrics,
    };
    let executor = Executor::start(ports, engine, executor_config(settings))
        .await
        .map_err(StartError::Lease)?;
    let (soft, hard) = (lifecycle.soft(), lifecycle.hard());
    lifecycle.spawn("executor", async move {
        let stop = CancellationToken::new();
        let stopping = async {
            soft.cancelled().await;
            hard.run_until_cancelled(tokio::time::sleep(delay)).await;
            stop.cancel();
        };
        tokio::join!(executor.run(stop.clone(), hard.clone()), stopping);
        Ok(())
    });
    Ok(())
}
