//! Consumes hints: claims the turn and runs it, or lets the hint go.

use crate::{deps::Deps, turn_task};
use copilot_core::port::{
    PortError,
    queue::{Delivery, Receipt},
    rounds::Round,
};
use rand::RngExt;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// First and longest pause before a consumer is made again.
const RESTART_PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// Consumes until `stop`; makes the consumer again whenever it dies.
pub(crate) async fn run(deps: Arc<Deps>, stop: CancellationToken) {
    let (shortest, longest) = RESTART_PAUSE;
    let mut pause = shortest;
    loop {
        let Some(died) = stop.run_until_cancelled(consume(&deps)).await else {
            return;
        };
        tracing::warn!(error = %died.error, "consumer died, making it again");
        if died.had_lived {
            pause = shortest;
        }
        let jittered = pause.mul_f64(rand::rng().random_range(0.5..1.5));
        if stop
            .run_until_cancelled(tokio::time::sleep(jittered))
            .await
            .is_none()
        {
            return;
        }
        pause = (pause * 2).min(longest);
    }
}

/// Why there is no consumer any more.
struct Died {
    error: PortError,
    had_lived: bool,
}

async fn consume(deps: &Arc<Deps>) -> Died {
    let made = deps.queue.consume(deps.config.concurrency).await;
    deps.rounds.ended("consuming", Round::from(&made));
    let mut deliveries = match made {
        Ok(deliveries) => deliveries,
        Err(error) => {
            return Died {
                error,
                had_lived: false,
            };
        }
    };
    loop {
        match deliveries.next().await {
            Ok(delivery) => take(deps, delivery),
            Err(error) => {
                return Died {
                    error,
                    had_lived: true,
                };
            }
        }
    }
}

/// A delivery that cannot be claimed, or finds no slot, is acknowledged: the table still has
/// the turn. A claimed one stays out until the turn's end, so that the queue shows the load.
fn take(deps: &Arc<Deps>, delivery: Delivery) {
    let Delivery { hint, receipt, .. } = delivery;
    let task = Arc::clone(deps);
    deps.tasks.spawn(async move {
        claim_and_run(&task, hint.turn).await;
        Receipt::ack(receipt).await;
    });
}

async fn claim_and_run(deps: &Deps, key: copilot_core::turn::TurnKey) {
    let Some(executor) = deps.lease.executor() else {
        return;
    };
    let Some(registration) = deps.running.register(key) else {
        return;
    };
    match deps
        .store
        .claim(executor, key.turn_id, deps.config.rules)
        .await
    {
        Ok(Some(turn)) => {
            registration.claimed(turn.attempt);
            turn_task::run(deps, &registration, turn).await;
        }
        Ok(None) => {}
        // If it was claimed after all, the heartbeat hands it back.
        Err(error) => tracing::warn!(turn_id = %key.turn_id, %error, "claim failed"),
    }
}
