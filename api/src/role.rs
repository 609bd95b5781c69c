//! The API as a part of a process.

use crate::{ApiMetrics, ApiParts, ApiState, Authenticator, KeySourceError, serve};
use copilot_core::service::{closing::Closer, watch::Watch};
use copilot_runtime::{
    adapters::Adapters,
    lifecycle::Lifecycle,
    metrics::Registry,
    settings::Settings,
    tracking::{TrackingError, tracking},
};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It serves callers, and nothing says who may call.
    #[error("auth.mode: nothing says who may call")]
    NoAuth,
    /// The provider's keys cannot be fetched.
    #[error(transparent)]
    Keys(#[from] KeySourceError),
    /// Tracking.
    #[error(transparent)]
    Tracking(#[from] TrackingError),
}

/// Serves on `listener` until the process stops.
pub fn start(
    settings: &Settings,
    adapters: Adapters,
    listener: TcpListener,
    lifecycle: &Lifecycle,
    registry: &mut Registry,
) -> Result<(), StartError> {
    let closer = Closer::new(
        Arc::clone(&adapters.store),
        Arc::clone(&adapters.streams),
        Arc::clone(&adapters.ids),
        Arc::clone(&adapters.ends),
    );
    let watch = Watch::new(
        Arc::clone(&adapters.store),
        closer,
        Arc::clone(&adapters.rounds),
    );
    let tasks = TaskTracker::new();
    let auth = settings.auth.as_ref().ok_or(StartError::NoAuth)?;
    let (tracker, tracking) = tracking(&settings.tracking)?;
    let state = ApiState::new(ApiParts {
        store: adapters.store,
        streams: adapters.streams,
        queue: adapters.queue,
        cancels: adapters.cancels,
        ids: adapters.ids,
        watch: Arc::clone(&watch),
        ready_parts: adapters.ready_parts,
        ends: adapters.ends,
        metrics: ApiMetrics::register(registry),
        tracker,
        auth: Authenticator::new(auth, &tasks)?,
        config: settings.into(),
        tasks: tasks.clone(),
    });
    let (soft, hard) = (lifecycle.soft(), lifecycle.hard());
    lifecycle.spawn("api", async move {
        // The watch lives as long as the server: draining streams still need their ends.
        let served = CancellationToken::new();
        let serving = async {
            serve(listener, state, soft, hard.clone()).await;
            tasks.close();
            hard.run_until_cancelled(tasks.wait()).await;
            served.cancel();
        };
        tokio::join!(
            serving,
            watch.run(served.clone()),
            tracking.run(served.clone())
        );
        Ok(())
    });
    Ok(())
}
