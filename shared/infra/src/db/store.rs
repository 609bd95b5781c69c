//! The one store, and how its statements reach the database.

use super::{database::Database, dialect::Dialect, failure::Failure};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, FromQueryResult,
    IsolationLevel, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
};

/// All store ports of `copilot-core` on one database.
#[derive(Debug)]
pub struct SqlStore {
    database: Database,
}

impl SqlStore {
    /// A store on `database`, whose schema is up to date.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self { database }
    }

    /// The connections behind it.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    pub(super) const fn dialect(&self) -> Dialect {
        self.database.dialect
    }

    /// A transaction that writes. On SQLite it is the only one from its beginning.
    pub(super) async fn begin(&self) -> Result<Link<DatabaseTransaction>, Failure> {
        let options = match self.dialect() {
            Dialect::Sqlite => TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            },
            Dialect::Postgres => TransactionOptions::default(),
        };
        self.begin_on(&self.database.writer, options).await
    }

    /// A transaction that reads one snapshot.
    pub(super) async fn begin_read(&self) -> Result<Link<DatabaseTransaction>, Failure> {
        let options = match self.dialect() {
            Dialect::Sqlite => TransactionOptions::default(),
            Dialect::Postgres => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            },
        };
        self.begin_on(&self.database.reader, options).await
    }

    async fn begin_on(
        &self,
        connection: &DatabaseConnection,
        options: TransactionOptions,
    ) -> Result<Link<DatabaseTransaction>, Failure> {
        Ok(Link {
            connection: connection.begin_with_options(options).await?,
            dialect: self.dialect(),
        })
    }

    /// For one statement that writes.
    pub(super) fn write(&self) -> Link<DatabaseConnection> {
        Link {
            connection: self.database.writer.clone(),
            dialect: self.dialect(),
        }
    }

    /// For one statement that reads.
    pub(super) fn read(&self) -> Link<DatabaseConnection> {
        Link {
            connection: self.database.reader.clone(),
            dialect: self.dialect(),
        }
    }

    /// For heartbeats: no turn can exhaust it.
    pub(super) fn beat(&self) -> Link<DatabaseConnection> {
        Link {
            connection: self.database.beat.clone(),
            dialect: self.dialect(),
        }
    }
}

/// A connection or transaction that knows its dialect. Statements have `$1` placeholders,
/// which both drivers take.
pub(super) struct Link<C> {
    pub(super) connection: C,
    pub(super) dialect: Dialect,
}

impl<C: ConnectionTrait> Link<C> {
    /// Runs a statement; tells how many rows it touched.
    pub(super) async fn execute(
        &self,
        sql: impl Into<String> + Send,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> Result<u64, DbErr> {
        let done = self
            .connection
            .execute_raw(self.statement(sql, values))
            .await?;
        Ok(done.rows_affected())
    }

    /// The first row that a statement gives.
    pub(super) async fn one<M: FromQueryResult>(
        &self,
        sql: impl Into<String> + Send,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> Result<Option<M>, DbErr> {
        let row = self
            .connection
            .query_one_raw(self.statement(sql, values))
            .await?;
        row.map(|row| M::from_query_result(&row, "")).transpose()
    }

    /// All rows that a statement gives.
    pub(super) async fn all<M: FromQueryResult>(
        &self,
        sql: impl Into<String> + Send,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> Result<Vec<M>, DbErr> {
        let rows = self
            .connection
            .query_all_raw(self.statement(sql, values))
            .await?;
        rows.iter()
            .map(|row| M::from_query_result(row, ""))
            .collect()
    }

    fn statement(
        &self,
        sql: impl Into<String>,
        values: impl IntoIterator<Item = Value>,
    ) -> Statement {
        Statement::from_sql_and_values(self.dialect.backend(), sql, values)
    }
}

impl Link<DatabaseTransaction> {
    pub(super) async fn commit(self) -> Result<(), DbErr> {
        self.connection.commit().await
    }

    pub(super) async fn rollback(self) -> Result<(), DbErr> {
        self.connection.rollback().await
    }
}
