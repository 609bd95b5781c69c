#![expect(
    clippy::disallowed_methods,
    reason = "each test awaits the one task that it spawns"
)]

use tokio::sync::{mpsc, oneshot};

use super::*;

const LONG: Duration = Duration::from_mins(10);

impl StopSignals for mpsc::Receiver<()> {
    async fn next(&mut self) {
        if self.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// A process under test, and the hand that sends signals to it.
fn started(
    lifecycle: &Lifecycle,
    drain_timeout: Duration,
) -> (mpsc::Sender<()>, JoinHandle<Stopped>) {
    let (sender, signals) = mpsc::channel(4);
    let process = lifecycle.clone().run_until_stopped(signals, drain_timeout);
    (sender, tokio::spawn(process))
}

#[tokio::test]
async fn a_signal_lets_everyone_finish() {
    let lifecycle = Lifecycle::new();
    let (soft, hard) = (lifecycle.soft(), lifecycle.hard());
    let (finished, has_finished) = oneshot::channel();
    lifecycle.spawn("part", async move {
        soft.cancelled().await;
        assert!(!hard.is_cancelled());
        finished.send(()).unwrap();
        Ok(())
    });
    let (signals, process) = started(&lifecycle, LONG);

    signals.send(()).await.unwrap();

    assert_eq!(process.await.unwrap(), Stopped::Clean);
    has_finished.await.unwrap();
}

#[tokio::test]
async fn the_deadline_brings_the_hard_stop() {
    let lifecycle = Lifecycle::new();
    let hard = lifecycle.hard();
    lifecycle.spawn("part", async move {
        hard.cancelled().await;
        Ok(())
    });
    let (signals, process) = started(&lifecycle, Duration::from_millis(20));

    signals.send(()).await.unwrap();

    assert_eq!(process.await.unwrap(), Stopped::Clean);
}

#[tokio::test]
async fn a_second_signal_brings_the_hard_stop_and_a_third_ends_the_wait() {
    let lifecycle = Lifecycle::new();
    let hard = lifecycle.hard();
    let job = lifecycle.spawn_job(std::future::pending::<()>());
    let (signals, process) = started(&lifecycle, LONG);

    signals.send(()).await.unwrap();
    signals.send(()).await.unwrap();
    hard.cancelled().await;
    signals.send(()).await.unwrap();

    assert_eq!(process.await.unwrap(), Stopped::Failed);
    job.abort();
}

#[tokio::test]
async fn a_part_that_panics_fails_or_ends_early_stops_the_process() {
    for death in ["panic", "error", "end"] {
        let lifecycle = Lifecycle::new();
        let soft = lifecycle.soft();
        lifecycle.spawn("healthy", async move {
            soft.cancelled().await;
            Ok(())
        });
        lifecycle.spawn("mortal", async move {
            match death {
                "panic" => panic!("on purpose"),
                "error" => Err(anyhow::anyhow!("on purpose")),
                _ => Ok(()),
            }
        });
        let (_signals, process) = started(&lifecycle, LONG);

        assert_eq!(process.await.unwrap(), Stopped::Failed, "{death}");
    }
}

#[tokio::test]
async fn the_stop_waits_for_jobs_and_their_end_is_the_callers() {
    let lifecycle = Lifecycle::new();
    let (go, may_go) = oneshot::channel::<()>();
    let job = lifecycle.spawn_job(async move { may_go.await.is_ok() });
    let failing = lifecycle.spawn_job(async { panic!("on purpose") });
    let (signals, process) = started(&lifecycle, LONG);

    signals.send(()).await.unwrap();
    lifecycle.soft().cancelled().await;
    assert!(!process.is_finished());
    go.send(()).unwrap();

    assert_eq!(process.await.unwrap(), Stopped::Clean);
    assert!(job.await.unwrap());
    assert!(failing.await.unwrap_err().is_panic());
}
