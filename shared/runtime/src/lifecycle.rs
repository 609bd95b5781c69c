//! Soft stop, deadline, hard stop: how a process ends without losing what it does.
//!
//! The first signal (or the death of a task) asks everyone to finish; the second, or the deadline, tells
//! everyone to put down what they hold; who has not done so a moment later is dropped with the process.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, error, info, warn};

/// For the last writes after the hard stop: append, hand back, hint, close.
const HARD_STOP_GRACE: Duration = Duration::from_secs(5);

/// Where "please stop" comes from. Cancel-safe: a call that is dropped loses no signal.
pub trait StopSignals: Send {
    /// Waits for the next one.
    fn next(&mut self) -> impl Future<Output = ()> + Send;
}

/// SIGINT and SIGTERM of this process.
pub struct OsSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl OsSignals {
    /// From here on the two no longer kill the process.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }
}

impl StopSignals for OsSignals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Everyone finished or put down what they held.
    Clean,
    /// A task had died, or some did not stop.
    Failed,
}

impl From<Stopped> for ExitCode {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Clean => Self::SUCCESS,
            Stopped::Failed => Self::FAILURE,
        }
    }
}

/// The tasks of a process and the two tokens that end them. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    soft: CancellationToken,
    hard: CancellationToken,
    tracker: TaskTracker,
    died: Arc<AtomicBool>,
}

impl Lifecycle {
    /// Nothing runs yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when new work is refused and what runs may finish.
    #[must_use]
    pub fn soft(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Cancelled when what runs has to be put down at once. Never before `soft`.
    #[must_use]
    pub fn hard(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Stops as the first signal would.
    pub fn stop(&self) {
        self.soft.cancel();
    }

    /// Runs a part of the process that must live until the soft stop: if it panics, fails or ends before,
    /// the process stops and its exit code tells.
    pub fn spawn<F>(&self, name: &'static str, part: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let task = self.tracker.spawn(part.in_current_span());
        let lifecycle = self.clone();
        self.tracker.spawn(async move {
            let stopping = match task.await {
                Ok(Ok(())) if lifecycle.soft.is_cancelled() => return,
                Ok(Ok(())) => "it ended although nobody asked".to_owned(),
                Ok(Err(problem)) => format!("{problem:#}"),
                Err(problem) => problem.to_string(),
            };
            error!(task = name, "task died: {stopping}");
            lifecycle.died.store(true, Ordering::Relaxed);
            lifecycle.stop();
        });
    }

    /// Runs a piece of work that ends by itself and that the stop waits for; its end is the caller's to judge.
    pub fn spawn_job<F>(&self, job: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.tracker.spawn(job.in_current_span())
    }

    /// Waits for a signal or a dead task, then for all tasks: `drain_timeout` until the hard stop, which a
    /// second signal brings at once, and a moment after it.
    pub async fn run_until_stopped(
        self,
        mut signals: impl StopSignals,
        drain_timeout: Duration,
    ) -> Stopped {
        tokio::select! {
            () = signals.next() => info!("stopping, a second signal stops at once"),
            () = self.soft.cancelled() => {}
        }
        self.soft.cancel();
        self.tracker.close();
        tokio::select! {
            biased;
            () = self.tracker.wait() => {}
            () = signals.next() => warn!(tasks = self.tracker.len(), "second signal, stopping at once"),
            () = tokio::time::sleep(drain_timeout) => {
                warn!(tasks = self.tracker.len(), "drain limit reached, stopping at once");
            }
        }
        self.hard.cancel();
        let all_ended = tokio::select! {
            biased;
            () = self.tracker.wait() => true,
            () = tokio::time::sleep(HARD_STOP_GRACE) => false,
            () = signals.next() => false,
        };
        if !all_ended {
            error!(tasks = self.tracker.len(), "some tasks did not stop");
        }
        if all_ended && !self.died.load(Ordering::Relaxed) {
            Stopped::Clean
        } else {
            Stopped::Failed
        }
    }
}

#[cfg(test)]
mod tests;
