//! The adapters behind the ports: picked once, at start, and never asked for again.

mod database;

pub use database::{DatabaseError, connect, open_database};

use copilot_core::{
    clock::{Clock, SystemClock},
    id::{IdSource, SystemIds},
    port::{
        cancel::CancelBus, queue::TurnQueue, ready::ReadyPart, store::Store, stream::TurnStreams,
    },
};
use copilot_infra::{
    db::{Database, SqlStore},
    in_process::{InProcessCancelBus, InProcessQueue, InProcessStreams},
};
use std::sync::Arc;

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
    /// What `/readyz` asks beside the database.
    pub ready_parts: Vec<Arc<dyn ReadyPart>>,
}

impl Adapters {
    /// Queue, cancels and streams in this process, over `database`.
    #[must_use]
    pub fn embedded(database: Database) -> Self {
        Self {
            store: Arc::new(SqlStore::new(database)),
            streams: Arc::new(InProcessStreams::default()),
            queue: Arc::new(InProcessQueue::new(QUEUE_CAPACITY)),
            cancels: Arc::new(InProcessCancelBus::default()),
            ids: Arc::new(SystemIds),
            clock: Arc::new(SystemClock),
            ready_parts: Vec::new(),
        }
    }
}
