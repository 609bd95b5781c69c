//! Strikes at random processes.

use std::ops::Range;
use std::time::Duration;

use copilot_harness::Copilot;
use rand::{RngExt as _, rngs::StdRng};

use super::LEASE;

/// Between two blows.
const PAUSE_MILLIS: Range<u64> = 100..1_200;
/// How long a process that was asked to stop may take.
const STOP_LIMIT: Duration = Duration::from_secs(20);

pub(super) struct Killer<'a> {
    copilot: &'a mut Copilot,
    rng: StdRng,
    blows: Blows,
}

/// How often was done what.
#[derive(Debug, Default)]
pub(super) struct Blows {
    pub(super) executors_killed: usize,
    pub(super) executors_frozen: usize,
    pub(super) executors_stopped: usize,
    pub(super) apis_killed: usize,
}

impl<'a> Killer<'a> {
    pub(super) fn new(copilot: &'a mut Copilot, rng: StdRng) -> Self {
        Self {
            copilot,
            rng,
            blows: Blows::default(),
        }
    }

    /// Strikes so often, and leaves everything running.
    pub(super) async fn strike(mut self, times: usize) -> Blows {
        for _ in 0..times {
            let pause = self.rng.random_range(PAUSE_MILLIS);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            match self.rng.random_range(0..20) {
                0..3 => self.kill_api(),
                3 => self.freeze_executor().await,
                4..6 => self.stop_executor().await,
                _ => self.kill_executor(),
            }
        }
        self.copilot.start().await;
        self.blows
    }

    fn kill_executor(&mut self) {
        let number = self.executor();
        let executor = self.copilot.executor_mut(number);
        executor.kill9();
        executor.spawn();
        self.blows.executors_killed += 1;
    }

    /// Longer than its lease: when it wakes up, others have its turns.
    async fn freeze_executor(&mut self) {
        let number = self.executor();
        self.copilot.executor(number).signal("STOP");
        tokio::time::sleep(LEASE * 2).await;
        self.copilot.executor(number).signal("CONT");
        self.blows.executors_frozen += 1;
    }

    async fn stop_executor(&mut self) {
        let number = self.executor();
        let executor = self.copilot.executor_mut(number);
        executor.signal("TERM");
        executor.wait_exit(STOP_LIMIT).await;
        executor.spawn();
        self.blows.executors_stopped += 1;
    }

    fn kill_api(&mut self) {
        let number = self.rng.random_range(0..self.copilot.size().0);
        let api = self.copilot.api_mut(number);
        api.kill9();
        api.spawn();
        self.blows.apis_killed += 1;
    }

    fn executor(&mut self) -> usize {
        self.rng.random_range(0..self.copilot.size().1)
    }
}
