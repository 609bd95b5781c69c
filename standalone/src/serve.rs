//! The composition root: settings become adapters, adapters become api and executor.

use crate::banner::banner;
use anyhow::Context;
use copilot_api::{ApiParts, ApiState, UnservedSetting};
use copilot_core::service::{closing::Closer, watch::Watch};
use copilot_executor::{Executor, Ports};
use copilot_runtime::{
    adapters::{Adapters, open_database},
    lifecycle::{Lifecycle, OsSignals},
    settings::Settings,
};
use std::{process::ExitCode, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Serves until a signal.
pub(crate) async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let signals = OsSignals::listen().context("signals cannot be caught")?;
    let listener = TcpListener::bind(settings.server.listen)
        .await
        .with_context(|| format!("server.listen: cannot listen on {}", settings.server.listen))?;
    let database = open_database(settings.program, &settings.database).await?;
    let adapters = Adapters::embedded(database);
    let engine = copilot_executor::engine(&settings, Arc::clone(&adapters.ids))?;

    let lifecycle = Lifecycle::new();
    let executor_config = copilot_executor::executor_config(&settings);
    let executor = Executor::start(executor_ports(&adapters), engine, executor_config)
        .await
        .context("the executor's lease cannot be taken")?;
    let (soft, hard) = (lifecycle.soft(), lifecycle.hard());
    let shutdown_delay = settings.server.shutdown_delay;
    lifecycle.spawn("executor", async move {
        // It takes turns for as long as the server accepts them.
        let stop = CancellationToken::new();
        let stopping = async {
            soft.cancelled().await;
            hard.run_until_cancelled(tokio::time::sleep(shutdown_delay))
                .await;
            stop.cancel();
        };
        tokio::join!(executor.run(stop.clone(), hard.clone()), stopping);
        Ok(())
    });

    let closer = Closer::new(
        Arc::clone(&adapters.store),
        Arc::clone(&adapters.streams),
        Arc::clone(&adapters.ids),
    );
    let watch = Watch::new(Arc::clone(&adapters.store), closer);
    let address = listener.local_addr().context("server.listen")?;
    let tasks = TaskTracker::new();
    let parts = api_parts(&settings, adapters, Arc::clone(&watch), tasks.clone())?;
    let state = ApiState::new(parts);
    let (soft, hard) = (lifecycle.soft(), lifecycle.hard());
    lifecycle.spawn("api", async move {
        // The watch lives as long as the server: draining streams still need their ends.
        let served = CancellationToken::new();
        let serving = async {
            copilot_api::serve(listener, state, soft, hard.clone()).await;
            tasks.close();
            hard.run_until_cancelled(tasks.wait()).await;
            served.cancel();
        };
        tokio::join!(serving, watch.run(served.clone()));
        Ok(())
    });
    println!(
        "{}",
        banner(address, &settings.server.base_path, &settings.llm)
    );
    let drain = settings.server.shutdown_delay + settings.server.drain_timeout;
    Ok(lifecycle.run_until_stopped(signals, drain).await.into())
}

fn executor_ports(adapters: &Adapters) -> Ports {
    let Adapters {
        store,
        streams,
        queue,
        cancels,
        ids,
        clock,
    } = adapters.clone();
    Ports {
        store,
        streams,
        queue,
        cancels,
        ids,
        clock,
    }
}

fn api_parts(
    settings: &Settings,
    adapters: Adapters,
    watch: Arc<Watch>,
    tasks: TaskTracker,
) -> Result<ApiParts, UnservedSetting> {
    let Adapters {
        store,
        streams,
        queue,
        cancels,
        ids,
        ..
    } = adapters;
    Ok(ApiParts {
        store,
        streams,
        queue,
        cancels,
        ids,
        watch,
        ready_parts: Vec::new(),
        config: settings.try_into()?,
        tasks,
    })
}
