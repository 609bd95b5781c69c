//! Connections to the database.

use super::{
    dialect::Dialect,
    process_lock::{LockError, ProcessLock},
};
use sea_orm::{
    ConnectOptions, DatabaseConnection, DbErr,
    sqlx::{
        self, Connection,
        postgres::{PgConnectOptions, PgConnection},
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};
use std::{io, path::PathBuf, time::Duration};

/// How long a caller waits for a connection before it is told that the database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for another program that has the file (a backup, a shell).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite is not faster with more readers than this.
const MAX_SQLITE_READERS: u32 = 8;

/// Open connections to one database.
///
/// - SQLite file: WAL, one connection that writes, a few that read, and a lock beside the file
///   (`<file>.lock`) that keeps a second process out.
/// - SQLite in memory: one connection for all.
/// - Postgres: one pool, and one connection apart for heartbeats, which no turn can exhaust.
#[derive(Debug)]
pub struct Database {
    pub(super) dialect: Dialect,
    pub(super) writer: DatabaseConnection,
    pub(super) reader: DatabaseConnection,
    pub(super) beat: DatabaseConnection,
    _lock: Option<ProcessLock>,
}

/// The database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither `sqlite:` nor `postgres:`, or unreadable. The URL is not shown: it may hold a password.
    #[error("database.url must begin with sqlite: or postgres:")]
    Url,
    /// The file's path or options cannot be read.
    #[error("database.url cannot be read")]
    SqliteUrl(#[source] sqlx::Error),
    /// Another process works on the file.
    #[error("{} is in use by another copilot process", .0.display())]
    InUse(PathBuf),
    /// The lock file beside the database cannot be made or locked.
    #[error("cannot lock {}", .0.display())]
    Lock(PathBuf, #[source] io::Error),
    /// The server does not answer, or refuses.
    #[error("cannot reach the database: {0}")]
    Reach(#[source] sqlx::Error),
    /// The database cannot be opened or used.
    #[error("cannot open the database: {0}")]
    Open(#[from] DbErr),
}

impl Database {
    /// Opens the database at `url` (`sqlite://file.db?mode=rwc`, `sqlite::memory:`,
    /// `postgres://…`) with at most `max_connections` in all; on SQLite that bounds the readers.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self, ConnectError> {
        if url.starts_with("sqlite:") {
            Self::sqlite(url, max_connections).await
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Self::postgres(url, max_connections).await
        } else {
            Err(ConnectError::Url)
        }
    }

    /// The connection that writes: for migrations and for what a test wants to see.
    #[must_use]
    pub const fn connection(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Whether the database is a file or memory of this process alone.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.dialect == Dialect::Sqlite
    }

    /// Closes all connections; what runs is waited for.
    pub async fn close(&self) -> Result<(), DbErr> {
        self.reader.close_by_ref().await?;
        self.beat.close_by_ref().await?;
        self.writer.close_by_ref().await
    }

    async fn sqlite(url: &str, max_connections: u32) -> Result<Self, ConnectError> {
        let parsed: SqliteConnectOptions = url.parse().map_err(ConnectError::SqliteUrl)?;
        if url.contains(":memory:") || url.contains("mode=memory") {
            let only = sea_orm::Database::connect(sqlite_options(url, 1)).await?;
            return Ok(Self::sqlite_of(only.clone(), only, None));
        }
        let file = parsed.get_filename();
        let lock = ProcessLock::take(file).map_err(|error| match error {
            LockError::Held => ConnectError::InUse(file.to_owned()),
            LockError::Io(error) => ConnectError::Lock(file.to_owned(), error),
        })?;
        // The writer first: it makes the file and switches it to WAL.
        let writer = sea_orm::Database::connect(sqlite_options(url, 1)).await?;
        let readers = max_connections.clamp(1, MAX_SQLITE_READERS);
        let reader = sea_orm::Database::connect(sqlite_options(url, readers)).await?;
        Ok(Self::sqlite_of(writer, reader, Some(lock)))
    }

    fn sqlite_of(
        writer: DatabaseConnection,
        reader: DatabaseConnection,
        lock: Option<ProcessLock>,
    ) -> Self {
        Self {
            dialect: Dialect::Sqlite,
            beat: writer.clone(),
            writer,
            reader,
            _lock: lock,
        }
    }

    async fn postgres(url: &str, max_connections: u32) -> Result<Self, ConnectError> {
        // A pool would try until its time is up and then tell only that.
        let options: PgConnectOptions = url.parse().map_err(|_| ConnectError::Url)?;
        let knock = PgConnection::connect_with(&options)
            .await
            .map_err(ConnectError::Reach)?;
        knock.close().await.map_err(ConnectError::Reach)?;
        let pool =
            sea_orm::Database::connect(postgres_options(url, max_connections.max(2) - 1)).await?;
        let mut options = postgres_options(url, 1);
        options.connect_lazy(true);
        let beat = sea_orm::Database::connect(options).await?;
        Ok(Self {
            dialect: Dialect::Postgres,
            writer: pool.clone(),
            reader: pool,
            beat,
            _lock: None,
        })
    }
}

fn sqlite_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = quiet_options(url, connections);
    options
        // A connection to a file cannot break, and one to memory must never be given up.
        .test_before_acquire(false)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .map_sqlx_sqlite_opts(|options| {
            options
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .foreign_keys(true)
                .busy_timeout(BUSY_TIMEOUT)
                .pragma("temp_store", "memory")
        });
    options
}

fn postgres_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = quiet_options(url, connections);
    options.test_before_acquire_if_idle_for(Duration::from_secs(5));
    options
}

/// Statements are never logged: they hold what people wrote.
fn quiet_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    options
}
