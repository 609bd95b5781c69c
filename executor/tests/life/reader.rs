//! A client that is cut again and again, and comes back with the last position it was shown.

use crate::{
    fold::{Fold, Folded, Manner},
    world::World,
};
use copilot_core::{position::Position, service::reading::Shown, turn::Turn};
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::Instant};

/// How long a reader waits for the end of its turn.
const LIMIT: Duration = Duration::from_secs(40);

/// When a response is cut, and how the client comes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// After so many things were shown …
    pub(crate) items: u8,
    /// … or so many milliseconds.
    pub(crate) millis: u8,
    pub(crate) back: Back,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Back {
    /// The same page, by its cursor.
    SamePage,
    /// A new page, from the beginning.
    NewPage,
}

/// What a reader came to.
#[derive(Debug)]
pub(crate) struct Read {
    /// The end in both manners; none: the turn was deleted under it.
    pub(crate) folded: Option<[Folded; 2]>,
    pub(crate) retries: usize,
}

/// A reader of `turn` that comes after `delay` and lives through `cuts`, then reads to the end.
pub(crate) fn read(
    world: &Arc<World>,
    turn: &Turn,
    delay: Duration,
    cuts: Vec<Cut>,
) -> JoinHandle<Result<Read, String>> {
    let (world, turn) = (Arc::clone(world), turn.clone());
    world.api.tasks.clone().spawn(async move {
        tokio::time::sleep(delay).await;
        let name = world.log.name_of(turn.id);
        let mut client = Client::new();
        let outcome = tokio::time::timeout(LIMIT, client.read(&world, &turn, cuts)).await;
        let problem = match outcome {
            Ok(Ok(gone)) => {
                return client
                    .done(gone)
                    .map_err(|problem| format!("reader of {name}: {problem}"));
            }
            Ok(Err(problem)) => problem,
            Err(_) => "it waits for ever".to_owned(),
        };
        Err(format!(
            "reader of {name}: {problem}\n{}",
            client.trace.join("\n")
        ))
    })
}

/// One that comes at once and reads to the end without a cut.
pub(crate) async fn read_all(world: &Arc<World>, turn: &Turn) -> Result<Read, String> {
    read(world, turn, Duration::ZERO, Vec::new())
        .await
        .map_err(|error| error.to_string())?
}

struct Client {
    v5: Fold,
    v7: Fold,
    cursor: Position,
    trace: Vec<String>,
}

impl Client {
    fn new() -> Self {
        Self {
            v5: Fold::new(Manner::V5),
            v7: Fold::new(Manner::V7),
            cursor: Position::ZERO,
            trace: Vec::new(),
        }
    }

    /// Reads to the end; true: the turn is gone.
    async fn read(&mut self, world: &World, turn: &Turn, cuts: Vec<Cut>) -> Result<bool, String> {
        let mut cuts = cuts.into_iter();
        loop {
            let cut = cuts.next();
            let Some(row) = world.find(turn).await else {
                return Ok(true);
            };
            let mut reader = if let Ok(reader) = world.api.reading.open(&row, self.cursor).await {
                reader
            } else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            self.trace
                .push(format!("opened at {} (cut {cut:?})", self.cursor));
            let mut left = cut.map_or(usize::MAX, |cut| usize::from(cut.items));
            let until = cut.map(|cut| Instant::now() + Duration::from_millis(cut.millis.into()));
            let broken = loop {
                let batch = match until {
                    None => reader.next().await,
                    Some(until) => match tokio::time::timeout_at(until, reader.next()).await {
                        Ok(batch) => batch,
                        Err(_) => break false,
                    },
                };
                if batch.is_empty() {
                    return if self.v7.is_finished() {
                        Ok(false)
                    } else {
                        Err("it ended without finish".to_owned())
                    };
                }
                let seen = left.min(batch.len());
                for shown in &batch[..seen] {
                    self.show(shown)?;
                }
                left -= seen;
                if self.v7.is_finished() && left > 0 && cut.is_none() {
                    // The response ends by itself.
                    continue;
                }
                if batch[..seen]
                    .iter()
                    .any(|shown| matches!(shown, Shown::Broken))
                {
                    break true;
                }
                if left == 0 {
                    break false;
                }
            };
            drop(reader);
            if self.v7.is_finished() {
                return Ok(false);
            }
            if !broken && cut.is_some_and(|cut| cut.back == Back::NewPage) {
                let trace = std::mem::take(&mut self.trace);
                *self = Self {
                    trace,
                    ..Self::new()
                };
            }
        }
    }

    fn show(&mut self, shown: &Shown) -> Result<(), String> {
        self.trace.push(brief(shown));
        match shown {
            Shown::Entry(entry) => {
                if entry.first() <= self.cursor {
                    return Err(format!(
                        "{} is shown twice, it stood at {}",
                        entry.position, self.cursor
                    ));
                }
                self.cursor = entry.position;
            }
            Shown::Retry { at, .. } => self.cursor = *at,
            Shown::Again(_) | Shown::Passing(_) | Shown::Closing(_) | Shown::Broken => {}
        }
        self.v5
            .show(shown)
            .map_err(|problem| format!("v5: {problem}"))?;
        self.v7
            .show(shown)
            .map_err(|problem| format!("v7: {problem}"))
    }

    fn done(self, gone: bool) -> Result<Read, String> {
        let retries = self.v7.retries;
        if gone && !self.v7.is_finished() {
            return Ok(Read {
                folded: None,
                retries,
            });
        }
        Ok(Read {
            folded: Some([self.v5.whole()?, self.v7.whole()?]),
            retries,
        })
    }
}

fn brief(shown: &Shown) -> String {
    match shown {
        Shown::Entry(entry) => format!(
            "  {} to {} {:?}",
            entry.first(),
            entry.position,
            entry.event
        ),
        other => format!("  {other:?}"),
    }
}
