//! A look at a database that may be another process's.

use super::{
    bounded::bounded,
    database::{ConnectError, knock},
    dialect::Dialect,
    process_lock,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use std::{io, path::Path, time::Duration};

/// For the server to answer, and for another writer to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// One connection that takes no lock, makes no file and leaves nothing behind: also while a
/// `copilot` works on the same file.
#[derive(Debug)]
pub struct Visit {
    dialect: Dialect,
    connection: DatabaseConnection,
}

impl Visit {
    /// Opens the database at `url` as it is.
    pub async fn open(url: &str) -> Result<Self, ConnectError> {
        let dialect = if url.starts_with("sqlite:") {
            Dialect::Sqlite
        } else {
            knock(url).await?;
            Dialect::Postgres
        };
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(1)
            .connect_timeout(PATIENCE)
            .acquire_timeout(PATIENCE)
            .sqlx_logging(false)
            .record_stmt_in_spans(false)
            .map_sqlx_sqlite_opts(|options| {
                options.create_if_missing(false).busy_timeout(PATIENCE)
            });
        let connection = sea_orm::Database::connect(options).await?;
        Ok(Self {
            dialect,
            connection,
        })
    }

    /// For what reads the schema.
    #[must_use]
    pub const fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// The database's clock.
    pub async fn now(&self) -> Result<DateTime<Utc>, DbErr> {
        let sql = format!("SELECT {} AS now", self.dialect.now());
        let millis: i64 = self.value(&sql, "now").await?;
        DateTime::from_timestamp_millis(millis)
            .ok_or_else(|| DbErr::Type(format!("{millis} is no instant")))
    }

    /// How SQLite keeps its journal; none on Postgres.
    pub async fn journal_mode(&self) -> Result<Option<String>, DbErr> {
        match self.dialect {
            Dialect::Sqlite => self
                .value("PRAGMA journal_mode", "journal_mode")
                .await
                .map(Some),
            Dialect::Postgres => Ok(None),
        }
    }

    /// Whether rows can be changed: changes none, in a transaction that is taken back. The
    /// schema has to be there.
    pub async fn try_write(&self) -> Result<(), DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = bounded(self.connection.begin_with_options(options)).await?;
        let no_row = "UPDATE sessions SET updated_at = updated_at WHERE 1 = 0";
        bounded(transaction.execute_unprepared(no_row)).await?;
        bounded(transaction.rollback()).await
    }

    async fn value<T: sea_orm::TryGetable>(&self, sql: &str, column: &str) -> Result<T, DbErr> {
        let statement = Statement::from_string(self.dialect.backend(), sql);
        let row = bounded(self.connection.query_one_raw(statement)).await?;
        row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))?
            .try_get("", column)
    }
}

/// Whether a process works on this SQLite file.
pub fn is_in_use(file: &Path) -> io::Result<bool> {
    process_lock::is_held(file)
}
