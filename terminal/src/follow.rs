//! One turn, from the question to its end, over as many responses as it takes.

use crate::{
    error::ChatError,
    server::Server,
    sse::{Item, Reader},
    view::View,
};
use futures::StreamExt as _;
use rand::RngExt as _;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use std::time::Duration;
use tokio::{
    signal::unix::Signal,
    time::{MissedTickBehavior, interval, sleep},
};
use uuid::Uuid;

/// Tries without a single event in between.
const TRIES: u32 = 12;
/// First and longest pause between two of them.
const PAUSE: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(5));
const TICK: Duration = Duration::from_millis(100);

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered,
    Failed,
    Cancelled,
    /// The person did not want to wait for its end.
    Left,
}

/// A question on its way.
pub(crate) struct Question<'a> {
    pub(crate) server: &'a Server,
    pub(crate) session: &'a str,
    pub(crate) message: &'a str,
}

#[derive(Default)]
struct Progress {
    cursor: Option<String>,
    turn: Option<String>,
    outcome: Option<Outcome>,
    is_cancelling: bool,
}

/// Asks, and shows the answer. `interrupts` are the person's Ctrl-C: the first one cancels the
/// turn, the second one leaves.
pub(crate) async fn ask(
    question: &Question<'_>,
    view: &mut View,
    interrupts: &mut Signal,
) -> Result<Outcome, ChatError> {
    let id = message_id();
    let mut progress = Progress::default();
    let mut failures = 0;
    view.wait();
    loop {
        let told = progress.cursor.clone();
        let opening = async {
            match &told {
                Some(cursor) => question.server.resume(question.session, cursor).await,
                None => {
                    question
                        .server
                        .start(question.session, question.message, id)
                        .await
                }
            }
        };
        let read = tokio::select! {
            opened = opening => match opened {
                Ok(response) => read(response, question, &mut progress, view, interrupts).await,
                Err(error) => Err(error),
            },
            _ = interrupts.recv() => return Ok(Outcome::Left),
        };
        if progress.cursor != told {
            failures = 0;
        }
        match read {
            Ok(Some(outcome)) => {
                view.end()?;
                return Ok(outcome);
            }
            Ok(None) => {}
            Err(error) if error.is_passing() => {
                // A server that was never there is no lost connection.
                if told.is_none() && progress.cursor.is_none() && failures >= 2 {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        failures += 1;
        if failures > TRIES {
            return Err(ChatError::Lost {
                session: question.session.to_owned(),
            });
        }
        view.wait();
        tokio::select! {
            () = sleep(pause(failures)) => {}
            _ = interrupts.recv() => return Ok(Outcome::Left),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client's own name for its message; no test needs to know it"
)]
fn message_id() -> Uuid {
    Uuid::now_v7()
}

fn pause(failures: u32) -> Duration {
    let (first, longest) = PAUSE;
    let pause = first
        .saturating_mul(2_u32.saturating_pow(failures - 1))
        .min(longest);
    pause.mul_f64(rand::rng().random_range(0.5..1.0))
}

/// Reads one response; none: it broke before the turn's end.
async fn read(
    response: Response,
    question: &Question<'_>,
    progress: &mut Progress,
    view: &mut View,
    interrupts: &mut Signal,
) -> Result<Option<Outcome>, ChatError> {
    if response.status() == StatusCode::NO_CONTENT {
        return Ok(Some(progress.outcome.unwrap_or(Outcome::Answered)));
    }
    let mut bytes = response.bytes_stream();
    let mut reader = Reader::default();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            chunk = bytes.next() => match chunk {
                Some(Ok(chunk)) => {
                    for item in reader.take(&chunk) {
                        match item {
                            Item::Event { id, event } => progress.event(id, &event, view)?,
                            Item::Done => return Ok(Some(progress.outcome.unwrap_or(Outcome::Answered))),
                        }
                    }
                }
                Some(Err(_)) | None => return Ok(None),
            },
            _ = ticks.tick() => view.tick()?,
            _ = interrupts.recv() => {
                if progress.is_cancelling {
                    return Ok(Some(Outcome::Left));
                }
                progress.is_cancelling = true;
                view.note("stopping; Ctrl-C again leaves at once")?;
                question.server.cancel(question.session, progress.turn.as_deref()).await?;
            }
        }
    }
}

impl Progress {
    fn event(
        &mut self,
        id: Option<String>,
        event: &Value,
        view: &mut View,
    ) -> Result<(), ChatError> {
        let field = |path: &str| event.pointer(path).and_then(Value::as_str);
        view.event(event)?;
        match field("/type") {
            Some("start") => self.turn = field("/messageMetadata/turnId").map(str::to_owned),
            Some("error") => {
                self.outcome = Some(Outcome::Failed);
                view.note(&format!(
                    "error: {}",
                    field("/errorText").unwrap_or("unknown")
                ))?;
            }
            Some("abort") => self.outcome = Some(Outcome::Cancelled),
            _ => {}
        }
        self.cursor = id.or(self.cursor.take());
        Ok(())
    }
}
