//! Hears cancels and stops the turns that they name.

use crate::{deps::Deps, halt::StopCause};
use copilot_core::port::{PortError, rounds::Round};
use rand::RngExt;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Before a listener that died is made again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Listens until `stop`. A notice that is missed meanwhile is found by the heartbeat.
pub(crate) async fn run(deps: Arc<Deps>, stop: CancellationToken) {
    while let Some(error) = stop.run_until_cancelled(listen(&deps)).await {
        tracing::warn!(%error, "cancel listener died, making it again");
        let pause = RESTART_PAUSE.mul_f64(rand::rng().random_range(0.5..1.5));
        if stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_none()
        {
            return;
        }
    }
}

async fn listen(deps: &Deps) -> PortError {
    let listening = deps.cancels.listen().await;
    deps.rounds
        .ended("listening_for_cancels", Round::from(&listening));
    let mut notices = match listening {
        Ok(notices) => notices,
        Err(error) => return error,
    };
    loop {
        match notices.next().await {
            Ok(turn) => deps.running.stop(turn.turn_id, StopCause::Cancelled),
            Err(error) => return error,
        }
    }
}
