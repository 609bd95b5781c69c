//! One attempt at one turn, from the claim to its end or hand-back.

use crate::{
    appender::Appender,
    deps::Deps,
    halt::{Halt, StopCause},
    journal::{JournalParts, TurnJournal},
    metrics::ActiveTurn,
    naming::Naming,
    running::Registration,
};
use copilot_core::{
    clock::millis,
    id::UserId,
    pen::Ending,
    port::store::{Fence, Groundwork, HandBack},
    service::closing::StreamEnd,
    traceparent::Traceparent,
    turn::{ErrorCode, Turn, TurnError},
};
use copilot_engine::TurnInput;
use futures::FutureExt;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::time::Instant;
use tracing::{Instrument, Span};

/// Runs a claimed turn. Whatever happens, it ends here with a committed end, a hand-back, or
/// because the turn is somebody else's.
pub(crate) async fn run(deps: &Deps, registration: &Registration, turn: Turn) {
    let span = span(&turn);
    run_claimed(deps, registration, turn).instrument(span).await;
}

/// Names the turn on every line that is logged while it runs.
fn span(turn: &Turn) -> Span {
    let trace = turn.request.traceparent.as_ref();
    tracing::error_span!(
        "turn",
        session_id = turn.session_id.tag(),
        turn_id = %turn.id,
        attempt = turn.attempt,
        user_id = turn.user_id.as_ref().map(UserId::tail),
        trace_id = trace.map(Traceparent::trace_id),
    )
}

async fn run_claimed(deps: &Deps, registration: &Registration, turn: Turn) {
    let key = turn.key();
    let fence = Fence {
        key,
        attempt: turn.attempt,
    };
    let halt = registration.halt();
    if turn.cancel_requested {
        halt.stop(StopCause::Cancelled);
    }
    let _active = claimed(deps, &turn);
    let outcome = AssertUnwindSafe(attempt(deps, halt, turn))
        .catch_unwind()
        .await;
    let why = match outcome {
        Ok((Outcome::Ended, stream)) => {
            match stream {
                StreamEnd::Written => deps.stream_ended(key),
                StreamEnd::Missing => deps.let_go(key),
            }
            deps.hint_next(key).await;
            return;
        }
        Ok((Outcome::NotOurs, _)) => {
            tracing::info!(turn_id = %key.turn_id, attempt = fence.attempt, "turn is another's, stopped");
            deps.let_go_in_doubt(fence);
            return;
        }
        Ok((Outcome::GivenUp(why), _)) => {
            deps.let_go_in_doubt(fence);
            why
        }
        Err(_) => {
            tracing::error!(turn_id = %key.turn_id, attempt = fence.attempt, "turn task panicked");
            deps.let_go(key);
            HandBack::Lost
        }
    };
    hand_back(deps, fence, why).await;
}

/// Says that the turn is worked on here now.
fn claimed(deps: &Deps, turn: &Turn) -> ActiveTurn {
    let waited = turn.started_at.map(|started| started - turn.created_at);
    let queued = waited.and_then(|waited| waited.to_std().ok());
    tracing::info!(
        session_id = turn.session_id.tag(),
        turn_id = %turn.id,
        attempt = turn.attempt,
        queued = queued.map(millis),
        "turn claimed"
    );
    deps.metrics.claimed(queued.filter(|_| turn.attempt == 1))
}

enum Outcome {
    Ended,
    NotOurs,
    GivenUp(HandBack),
}

async fn attempt(deps: &Deps, halt: &Arc<Halt>, turn: Turn) -> (Outcome, StreamEnd) {
    let fence = Fence {
        key: turn.key(),
        attempt: turn.attempt,
    };
    let groundwork = match deps.store.groundwork(&turn).await {
        Ok(Some(groundwork)) => groundwork,
        Ok(None) => return (Outcome::NotOurs, StreamEnd::Missing),
        Err(error) => {
            tracing::error!(turn_id = %turn.id, %error, source = %error.source, "claimed turn could not be read");
            return (Outcome::GivenUp(HandBack::Lost), StreamEnd::Missing);
        }
    };
    let parts = JournalParts {
        store: Arc::clone(&deps.store),
        ids: Arc::clone(&deps.ids),
        lease: Arc::clone(&deps.lease),
        halt: Arc::clone(halt),
        metrics: Arc::clone(&deps.metrics),
        claimed_at: Instant::now(),
        naming: groundwork
            .is_untitled
            .then(|| Naming::begin(deps, halt, &turn, &groundwork.history))
            .flatten(),
    };
    let (journal, unsaved, told) = TurnJournal::open(parts, turn.clone(), &groundwork);
    let appender = Appender {
        store: Arc::clone(&deps.store),
        streams: Arc::clone(&deps.streams),
        fence,
        halt: Arc::clone(halt),
        unsaved,
        told,
        parts: Some(groundwork.parts.clone()),
    };
    // Side by side in one task: no hop between them, and neither outlives the other.
    futures::join!(work(deps, halt, turn, groundwork, journal), appender.run())
}

async fn work(
    deps: &Deps,
    halt: &Arc<Halt>,
    turn: Turn,
    groundwork: Groundwork,
    mut journal: TurnJournal,
) -> Outcome {
    let overdue = until_deadline(deps, &turn);
    let Groundwork {
        history,
        unfinished,
        ..
    } = groundwork;
    let input = TurnInput {
        turn,
        history,
        unfinished,
        in_flight: journal.in_flight(),
    };
    if halt.cause().is_none() {
        let engine = deps.engine.run(&input, &mut journal, halt.token().clone());
        tokio::pin!(engine);
        tokio::select! {
            _ = &mut engine => {}
            () = tokio::time::sleep(overdue) => {
                halt.stop(StopCause::Overdue);
                // It returns at its next await; a commit in flight is not torn apart.
                let _ = engine.await;
            }
        }
    }
    let outcome = conclude(halt, &mut journal).await;
    if let Some(ended) = journal.ended() {
        deps.ends.ended(&ended);
    }
    journal.close().await;
    outcome
}

/// What becomes of a turn whose engine has returned.
async fn conclude(halt: &Halt, journal: &mut TurnJournal) -> Outcome {
    if journal.ended().is_none() {
        let ending = match halt.cause() {
            Some(StopCause::Cancelled) => Ending::Cancelled,
            Some(StopCause::Overdue) => Ending::Failed(timed_out()),
            Some(StopCause::Fenced) => return Outcome::NotOurs,
            Some(StopCause::Drained) => return Outcome::GivenUp(HandBack::InOrder),
            None => return Outcome::GivenUp(HandBack::Lost),
        };
        // Refused: the cause below is then the fence, or the database is away.
        let _ = journal.conclude(ending).await;
    }
    match journal.ended() {
        Some(_) => Outcome::Ended,
        None if halt.cause() == Some(StopCause::Fenced) => Outcome::NotOurs,
        None => Outcome::GivenUp(HandBack::Lost),
    }
}

async fn hand_back(deps: &Deps, fence: Fence, why: HandBack) {
    match deps.store.hand_back(fence, why).await {
        Ok(_) => deps.hint(fence.key).await,
        // The lease runs out, or the heartbeat finds that nobody here runs it.
        Err(error) => tracing::warn!(turn_id = %fence.key.turn_id, %error, "turn not handed back"),
    }
}

pub(crate) fn timed_out() -> TurnError {
    TurnError::retryable(
        ErrorCode::TurnTimeout,
        "The answer took longer than allowed and was stopped.",
    )
}

fn until_deadline(deps: &Deps, turn: &Turn) -> Duration {
    turn.deadline_at
        .map_or(deps.config.rules.timeout, |deadline| {
            (deadline - deps.clock.now()).to_std().unwrap_or_default()
        })
}
