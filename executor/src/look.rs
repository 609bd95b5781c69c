//! The look: about once a second, what nobody else looks after.
//!
//! It finds turns whose hint was lost, ends what cannot end by itself, ends streams whose
//! executor died too early, and purges what was deleted. No leader, no republishing.

use crate::{
    deps::{Deps, Doubtful},
    running::{Registration, Running},
    turn_task,
};
use copilot_core::{
    id::TurnId,
    pen::Ending,
    port::{
        PortError,
        rounds::Round,
        store::{CloseCause, RaiseIf, Recorded},
        turn_ends::EndedTurn,
    },
    service::closing::{Closed, StreamEnd},
    turn::{ErrorCode, Turn, TurnError, TurnKey},
};
use rand::RngExt;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Between two looks, before jitter.
const INTERVAL: Duration = Duration::from_secs(1);
/// A hint younger than this may still be on its way.
const HINT_GRACE: Duration = Duration::from_secs(2);
/// How long an executor may take to carry a cancel out.
const CANCEL_WAIT: Duration = Duration::from_secs(5);
/// How long past its deadline an executor may take to end a turn by itself.
const OVERDUE_GRACE: Duration = Duration::from_secs(5);
/// Rows of a deleted session stay this long, so that late readers get its end.
const PURGE_AGE: Duration = Duration::from_mins(1);
/// Most turns closed, streams ended or sessions purged in one look.
const LIMIT: u32 = 50;

/// Looks until `stop`.
pub(crate) async fn run(deps: Arc<Deps>, stop: CancellationToken) {
    loop {
        let pause = INTERVAL.mul_f64(rand::rng().random_range(0.8..1.2));
        if stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_none()
        {
            return;
        }
        look(&deps).await;
    }
}

/// One look. Its jobs stand apart: one that fails, such as over a row that cannot be read,
/// keeps none of the others from its work.
async fn look(deps: &Arc<Deps>) {
    let report = |task, outcome| report(deps, task, outcome);
    report("claiming", claim_waiting(deps).await);
    report("closing", close_what_nobody_ends(deps).await);
    report("finishing_streams", finish_streams(deps).await);
    report(
        "keeping_streams",
        deps.streams.keep_alive(&deps.running.keys()).await,
    );
    report("expiring", expire(deps).await);
    report("purging", purge(deps).await);
}

fn report(deps: &Deps, task: &'static str, outcome: Result<(), PortError>) {
    deps.rounds.ended(task, Round::from(&outcome));
    if let Err(error) = outcome {
        tracing::warn!(task, %error, source = %error.source, "look failed");
    }
}

/// Their turns have ended, and their streams with them: only rows and files are left.
async fn expire(deps: &Deps) -> Result<(), PortError> {
    let Some(age) = deps.config.session_age.filter(|_| deps.expiry_is_due()) else {
        return Ok(());
    };
    let expired = deps.store.expire(age, LIMIT).await;
    // A search that failed is as little worth repeating at once as one that found few.
    if !matches!(&expired, Ok(found) if found.len() >= LIMIT as usize) {
        deps.expiry_done();
    }
    for session in expired? {
        tracing::info!(session_id = session.tag(), "untouched session deleted");
    }
    Ok(())
}

async fn purge(deps: &Deps) -> Result<(), PortError> {
    for session in deps.store.purge(PURGE_AGE, LIMIT).await? {
        tracing::info!(session_id = session.tag(), "deleted session purged");
    }
    Ok(())
}

async fn claim_waiting(deps: &Arc<Deps>) -> Result<(), PortError> {
    let free = deps.running.free();
    let Some(executor) = deps.lease.executor().filter(|_| free > 0) else {
        return Ok(());
    };
    let found = Found::new(&deps.running);
    let rules = deps.config.rules;
    let claimed = deps
        .store
        .claim_waiting(executor, free, HINT_GRACE, rules, &|key| {
            found.register(key);
        })
        .await?;
    for turn in claimed {
        if let Some(registration) = found.take(turn.id) {
            registration.claimed(turn.attempt);
            spawn(deps, registration, turn);
        }
    }
    Ok(())
}

fn spawn(deps: &Arc<Deps>, registration: Registration, turn: Turn) {
    let task = Arc::clone(deps);
    deps.tasks
        .spawn(async move { turn_task::run(&task, &registration, turn).await });
}

/// Turns that were found, registered before they are claimed. One that could not be
/// registered and is claimed all the same is handed back by the heartbeat.
struct Found<'a> {
    running: &'a Arc<Running>,
    registrations: Mutex<HashMap<TurnId, Registration>>,
}

impl<'a> Found<'a> {
    fn new(running: &'a Arc<Running>) -> Self {
        Self {
            running,
            registrations: Mutex::default(),
        }
    }

    fn register(&self, key: TurnKey) {
        if let Some(registration) = self.running.register(key) {
            self.registrations().insert(key.turn_id, registration);
        }
    }

    fn take(&self, turn: TurnId) -> Option<Registration> {
        self.registrations().remove(&turn)
    }

    fn registrations(&self) -> MutexGuard<'_, HashMap<TurnId, Registration>> {
        self.registrations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

async fn close_what_nobody_ends(deps: &Deps) -> Result<(), PortError> {
    let max_attempts = deps.config.rules.max_attempts;
    let closable = deps
        .store
        .closable(max_attempts, CANCEL_WAIT, OVERDUE_GRACE, LIMIT)
        .await?;
    for (key, cause) in closable {
        let (when, ending) = match cause {
            CloseCause::Cancelled => (RaiseIf::Cancelled, Ending::Cancelled),
            CloseCause::AttemptsExhausted => (
                RaiseIf::AttemptsExhausted { max_attempts },
                Ending::Failed(attempts_exhausted()),
            ),
            CloseCause::Overdue => (
                RaiseIf::Overdue {
                    grace: OVERDUE_GRACE,
                },
                Ending::Failed(turn_task::timed_out()),
            ),
        };
        match deps.closer.close(key, when, &ending).await {
            Ok(Closed::Ended(stream)) => {
                tracing::debug!(turn_id = %key.turn_id, ?cause, "turn ended by the look");
                if stream == StreamEnd::Written {
                    deps.stream_ended(key);
                }
                deps.hint_next(key).await;
            }
            Ok(Closed::NotOurs) => {}
            Err(error) => {
                tracing::warn!(turn_id = %key.turn_id, ?cause, %error, source = %error.source, "turn not ended");
            }
        }
    }
    Ok(())
}

async fn finish_streams(deps: &Deps) -> Result<(), PortError> {
    let unfinished = deps.store.unfinished_streams(LIMIT).await?;
    let unfinished = unfinished
        .into_iter()
        .map(|key| Doubtful { key, untold: None });
    for turn in unfinished.chain(deps.take_doubtful()) {
        let key = turn.key;
        match finish_stream(deps, turn).await {
            Ok(StreamEnd::Written) => deps.stream_ended(key),
            Ok(StreamEnd::Missing) => deps.let_go(key),
            Err(error) => {
                tracing::warn!(turn_id = %key.turn_id, %error, source = %error.source, "ended turn not read");
                deps.look_after(turn);
            }
        }
    }
    let done = deps.take_finished();
    if done.is_empty() {
        return Ok(());
    }
    let cleared = deps.store.streams_finished(&done).await;
    if cleared.is_err() {
        deps.streams_ended(done);
    }
    cleared
}

/// Ends the stream of a turn that has ended; one that has not, or is gone, needs nothing.
async fn finish_stream(deps: &Deps, turn: Doubtful) -> Result<StreamEnd, PortError> {
    match deps.store.recorded(turn.key).await? {
        Some(recorded) if recorded.turn.status.is_terminal() => {
            if turn.untold == Some(recorded.turn.attempt) {
                tell_end(deps, &recorded);
            }
            Ok(deps.closer.finish_stream(recorded).await)
        }
        Some(_) | None => Ok(StreamEnd::Written),
    }
}

/// Tells of an end that was stored although its commit seemed to fail.
fn tell_end(deps: &Deps, Recorded { turn, parts }: &Recorded) {
    if let Some(reason) = turn.finish_reason {
        let ended = EndedTurn::of(turn, turn.status, reason, parts);
        deps.ends.ended(&ended);
    }
}

fn attempts_exhausted() -> TurnError {
    TurnError::retryable(
        ErrorCode::AttemptsExhausted,
        "The answer was interrupted too often and was given up. Please try again.",
    )
}
