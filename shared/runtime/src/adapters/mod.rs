//! The adapters behind the ports: picked once, at start, and never asked for again.

mod database;
mod distributed;
mod rabbit;
mod redis;

pub use database::{DatabaseError, connect, open_database, visit};
pub use distributed::{Connections, ConnectionsError};
pub use rabbit::connect_rabbit;
pub use redis::connect_redis;

use copilot_core::{
    clock::{Clock, SystemClock},
    id::{IdSource, SystemIds},
    port::{
        cancel::CancelBus, queue::TurnQueue, ready::ReadyPart, rounds::Rounds, store::Store,
        stream::TurnStreams, turn_ends::TurnEnds,
    },
};
use copilot_infra::{
    db::{Database, SqlStore},
    in_process::{InProcessCancelBus, InProcessQueue, InProcessStreams},
};
use std::sync::Arc;

use crate::metrics::{Registry, RoundMetrics, TurnEndMetrics};
use crate::settings::LogSettings;

/// Hints that the in-process queue holds; a hint beyond is dropped, and the look finds the turn.
const QUEUE_CAPACITY: usize = 10_000;

/// Everything that use cases stand on.
#[derive(Clone)]
pub struct Adapters {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The live streams.
    pub streams: Arc<dyn TurnStreams>,
    /// The queue of hints.
    pub queue: Arc<dyn TurnQueue>,
    /// The cancel bus.
    pub cancels: Arc<dyn CancelBus>,
    /// Where ids come from.
    pub ids: Arc<dyn IdSource>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who is told of each turn's end.
    pub ends: Arc<dyn TurnEnds>,
    /// Who is told of background loops.
    pub rounds: Arc<dyn Rounds>,
    /// What `/readyz` asks beside the database.
    pub ready_parts: Vec<Arc<dyn ReadyPart>>,
}

impl Adapters {
    /// Queue, cancels and streams in this process, over `database`.
    #[must_use]
    pub fn embedded(database: Database, log: &LogSettings, metrics: &mut Registry) -> Self {
        Self {
            store: Arc::new(SqlStore::new(database)),
            streams: Arc::new(InProcessStreams::default()),
            queue: Arc::new(InProcessQueue::new(QUEUE_CAPACITY)),
            cancels: Arc::new(InProcessCancelBus::default()),
            ids: Arc::new(SystemIds),
            clock: Arc::new(SystemClock),
            ends: turn_ends(log, metrics),
            rounds: Arc::new(RoundMetrics::register(metrics)),
            ready_parts: Vec::new(),
        }
    }
}

/// Counts and logs each turn's end.
fn turn_ends(log: &LogSettings, metrics: &mut Registry) -> Arc<dyn TurnEnds> {
    Arc::new(TurnEndMetrics::register(
        metrics,
        Arc::new(SystemClock),
        log.slow_turn,
    ))
}
