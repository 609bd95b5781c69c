//! Connections to the database.

use super::{
    bounded::{IDLE_TRANSACTION_TIMEOUT, LOCK_TIMEOUT, STATEMENT_TIMEOUT},
    connection::Source,
    dialect::Dialect,
    lanes::Lanes,
    process_lock::{LockError, ProcessLock},
};
use sea_orm::{
    ConnectOptions, DatabaseConnection, DbErr,
    sqlx::{
        self, ConnectOptions as _, Connection,
        postgres::{PgConnectOptions, PgConnection},
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};
use std::{io, path::PathBuf, time::Duration};

/// How long a caller waits for a connection before it is told that the database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server may take to answer at the start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long SQLite waits for another program that has the file (a backup, a shell).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the connection for migrations is kept after its last use.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
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
    pub(super) writer: Source,
    pub(super) reader: Source,
    pub(super) beat: Source,
    plain: DatabaseConnection,
    _lock: Option<ProcessLock>,
}

/// The database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither `sqlite:` nor `postgres:`, or unreadable. The URL is not shown: it may hold a password.
    #[error("the address must begin with sqlite: or postgres:")]
    Url,
    /// The file's path or options cannot be read.
    #[error("the address cannot be read")]
    SqliteUrl(#[source] sqlx::Error),
    /// There is no such file, and the URL does not let it be made.
    #[error("{} is not there; add ?mode=rwc to let it be made", .0.display())]
    Absent(PathBuf),
    /// The file is none of SQLite, damaged, or not to be read and written.
    #[error("cannot open {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: DbErr,
    },
    /// Another process works on the file.
    #[error("{} is in use by another copilot process", .0.display())]
    InUse(PathBuf),
    /// The lock file beside the database cannot be made or locked.
    #[error("cannot lock {}", .0.display())]
    Lock(PathBuf, #[source] io::Error),
    /// The server does not answer, or refuses.
    #[error("cannot reach the database: {0}")]
    Reach(#[source] sqlx::Error),
    /// The server takes the connection and says nothing.
    #[error("cannot reach the database: no answer within {0} s")]
    Silent(u64),
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

    /// A plain connection: for migrations and for what a test wants to see.
    #[must_use]
    pub const fn connection(&self) -> &DatabaseConnection {
        &self.plain
    }

    /// Whether the database is a file or memory of this process alone.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.dialect == Dialect::Sqlite
    }

    /// Closes all connections; what runs is waited for.
    pub async fn close(&self) -> Result<(), DbErr> {
        self.reader.close().await?;
        self.beat.close().await?;
        self.writer.close().await?;
        self.plain.close_by_ref().await
    }

    async fn sqlite(url: &str, max_connections: u32) -> Result<Self, ConnectError> {
        let options = sqlite_options(url.parse().map_err(ConnectError::SqliteUrl)?);
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Self::sqlite_in_memory(url).await;
        }
        let file = options.get_filename().to_owned();
        if !url.contains("mode=rwc") && !file.exists() {
            return Err(ConnectError::Absent(file));
        }
        let lock = ProcessLock::take(&file).map_err(|error| match error {
            LockError::Held => ConnectError::InUse(file.clone()),
            LockError::Io(error) => ConnectError::Lock(file.clone(), error),
        })?;
        // Made at once: it makes the file, switches it to WAL, and tells what is wrong.
        let plain = sea_orm::Database::connect(plain_options(url))
            .await
            .map_err(|source| ConnectError::File { path: file, source })?;
        let readers = max_connections.clamp(1, MAX_SQLITE_READERS);
        let writer = Source::Lanes(Lanes::new(options.clone(), 1, ACQUIRE_TIMEOUT));
        Ok(Self {
            dialect: Dialect::Sqlite,
            reader: Source::Lanes(Lanes::new(options, readers, ACQUIRE_TIMEOUT)),
            beat: writer.clone(),
            writer,
            plain,
            _lock: Some(lock),
        })
    }

    async fn sqlite_in_memory(url: &str) -> Result<Self, ConnectError> {
        let mut options = quiet_options(url, 1);
        options
            // Given up, it would take the database with it.
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .map_sqlx_sqlite_opts(sqlite_options);
        let plain = sea_orm::Database::connect(options).await?;
        let only = Source::Pool(plain.clone());
        Ok(Self {
            dialect: Dialect::Sqlite,
            writer: only.clone(),
            reader: only.clone(),
            beat: only,
            plain,
            _lock: None,
        })
    }

    async fn postgres(url: &str, max_connections: u32) -> Result<Self, ConnectError> {
        knock(url).await?;
        let plain =
            sea_orm::Database::connect(postgres_options(url, max_connections.max(2) - 1)).await?;
        let mut options = postgres_options(url, 1);
        options.connect_lazy(true);
        let beat = sea_orm::Database::connect(options).await?;
        let pool = Source::Pool(plain.clone());
        Ok(Self {
            dialect: Dialect::Postgres,
            writer: pool.clone(),
            reader: pool,
            beat: Source::Pool(beat),
            plain,
            _lock: None,
        })
    }
}

/// One connection to Postgres, closed again: a pool would try until its time is up and then
/// tell only that.
pub(super) async fn knock(url: &str) -> Result<(), ConnectError> {
    let options: PgConnectOptions = url.parse().map_err(|_| ConnectError::Url)?;
    let knock = tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&options))
        .await
        .map_err(|_| ConnectError::Silent(CONNECT_TIMEOUT.as_secs()))?
        .map_err(ConnectError::Reach)?;
    knock.close().await.map_err(ConnectError::Reach)
}

fn sqlite_options(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("temp_store", "memory")
        .disable_statement_logging()
}

/// For migrations at the start; closed when it was idle for a while.
fn plain_options(url: &str) -> ConnectOptions {
    let mut options = quiet_options(url, 1);
    options
        .min_connections(0)
        .idle_timeout(IDLE_TIMEOUT)
        .map_sqlx_sqlite_opts(sqlite_options);
    options
}

fn postgres_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = quiet_options(url, connections);
    options
        .test_before_acquire_if_idle_for(Duration::from_secs(5))
        .map_sqlx_postgres_opts(|options| {
            let millis = |limit: Duration| limit.as_millis().to_string();
            options.application_name("copilot").options([
                ("statement_timeout", millis(STATEMENT_TIMEOUT)),
                ("lock_timeout", millis(LOCK_TIMEOUT)),
                (
                    "idle_in_transaction_session_timeout",
                    millis(IDLE_TRANSACTION_TIMEOUT),
                ),
            ])
        });
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
