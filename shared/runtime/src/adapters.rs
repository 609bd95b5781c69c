//! The adapters behind the ports: picked once, at start, and never asked for again.

use copilot_core::{
    clock::{Clock, SystemClock},
    id::{IdSource, SystemIds},
    port::{
        cancel::CancelBus, queue::TurnQueue, ready::ReadyPart, store::Store, stream::TurnStreams,
    },
};
use copilot_infra::{
    db::{ConnectError, Database, SqlStore},
    in_process::{InProcessCancelBus, InProcessQueue, InProcessStreams},
};
use copilot_migrations::{DbErr, status, up};
use std::sync::Arc;

use crate::settings::{DatabaseSettings, Program};

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

/// The database cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be opened.
    #[error("database.url: {0}")]
    Connect(#[from] ConnectError),
    /// Its schema is older than this program.
    #[error("the database's schema is older than this program, run `{program} migrate up`")]
    Older {
        /// The program to run.
        program: Program,
    },
    /// Reading or changing the schema failed.
    #[error("the database's schema cannot be read or changed: {0}")]
    Schema(#[from] DbErr),
}

/// Opens the database with a schema that this program can work with: migrates it where the
/// settings say so, refuses an older one otherwise. A newer one is fine.
pub async fn open_database(
    program: Program,
    settings: &DatabaseSettings,
) -> Result<Database, DatabaseError> {
    let database = connect(settings).await?;
    if settings.migrate_on_start {
        up(database.connection()).await?;
    } else if !status(database.connection()).await?.pending.is_empty() {
        return Err(DatabaseError::Older { program });
    }
    Ok(database)
}

/// Opens the database as it is.
pub async fn connect(settings: &DatabaseSettings) -> Result<Database, ConnectError> {
    Database::connect(settings.url.expose(), settings.max_connections).await
}
