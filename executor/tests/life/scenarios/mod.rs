//! Histories that are worth a name.

mod answers;
mod cancel;
mod crash;
mod deletion;
mod drain;
mod endings;
mod retries;
mod streams;
mod zombie;

use crate::{
    checker,
    process::{Process, Settings},
    reader::{Back, Cut, Read, read},
    world::World,
};
use copilot_core::turn::Turn;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// Readers of one turn: they are judged with the history.
struct Readers {
    turn: Turn,
    reading: Vec<JoinHandle<Result<Read, String>>>,
}

impl Readers {
    /// One that reads through, and two that are cut all the time.
    fn of(world: &Arc<World>, turn: &Turn) -> Self {
        let cut = |items, millis, back| Cut {
            items,
            millis,
            back,
        };
        let same = Back::SamePage;
        let often = vec![cut(1, 200, same); 40];
        let now_and_then = vec![
            cut(4, 250, same),
            cut(9, 30, same),
            cut(2, 250, Back::NewPage),
            cut(13, 100, same),
            cut(200, 250, same),
        ];
        let reading = vec![
            read(world, turn, Duration::ZERO, Vec::new()),
            read(world, turn, Duration::ZERO, often),
            read(world, turn, Duration::from_millis(15), now_and_then),
        ];
        Self {
            turn: turn.clone(),
            reading,
        }
    }

    async fn done(self) -> Result<Vec<(Turn, Read)>, String> {
        let mut done = Vec::new();
        for reading in self.reading {
            done.push((self.turn.clone(), reading.await.unwrap()?));
        }
        Ok(done)
    }
}

/// Waits for the readers and judges the history. Needs a healthy executor.
async fn approve(world: &Arc<World>, readers: Readers) {
    match readers.done().await {
        Ok(read) => checker::approve(world, read).await,
        Err(problem) => panic!("{problem}\n{}", world.log.text()),
    }
}

/// Runs histories at the same time, each in a world of its own: most of the time they wait.
async fn side_by_side<F: Future>(histories: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    // Boxed: together they would not fit on a test's stack.
    futures::future::join_all(histories.into_iter().map(Box::pin)).await
}

/// A healthy executor that has its lease.
async fn healthy(world: &World) -> Process {
    Process::start(world, "Z", Settings::default())
        .is_up()
        .await
}

/// An executor whose lease runs out only long after the test.
fn patient() -> Settings {
    Settings {
        lease: copilot_core::port::store::Lease::For(Duration::from_mins(10)),
        ..Settings::default()
    }
}
