//! The one store, and how its statements reach the database.

use super::{
    connection::{Begin, Connection, Source},
    database::Database,
    dialect::Dialect,
    failure::Failure,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, QueryTrait, Statement, Value};

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

    /// A transaction that writes. On SQLite it is the only one from its beginning.
    pub(super) async fn begin(&self) -> Result<Link, Failure> {
        self.take(&self.database.writer, Begin::Writing).await
    }

    /// A transaction that reads one snapshot.
    pub(super) async fn begin_read(&self) -> Result<Link, Failure> {
        self.take(&self.database.reader, Begin::Reading).await
    }

    /// For one statement that writes.
    pub(super) async fn write(&self) -> Result<Link, Failure> {
        self.take(&self.database.writer, Begin::Not).await
    }

    /// For statements that read, each for itself.
    pub(super) async fn read(&self) -> Result<Link, Failure> {
        self.take(&self.database.reader, Begin::Not).await
    }

    /// For heartbeats: no turn can exhaust it.
    pub(super) async fn beat(&self) -> Result<Link, Failure> {
        self.take(&self.database.beat, Begin::Not).await
    }

    async fn take(&self, source: &Source, begin: Begin) -> Result<Link, Failure> {
        let dialect = self.database.dialect;
        Ok(Link {
            connection: source.take(dialect, begin).await?,
            dialect,
        })
    }
}

/// A connection or transaction that knows its dialect. Statements have `$1` placeholders,
/// which both drivers take.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) dialect: Dialect,
}

impl Link {
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

    /// Runs a statement whose answer nobody waits for: at the latest the commit tells if it
    /// failed, and on a SQLite file both are one trip.
    pub(super) async fn defer(
        &self,
        sql: impl Into<String> + Send,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> Result<(), DbErr> {
        self.connection.defer(self.statement(sql, values)).await
    }

    /// [`Self::defer`] for what sea-orm has built.
    pub(super) async fn defer_built(&self, query: impl QueryTrait) -> Result<(), DbErr> {
        self.connection
            .defer(query.build(self.dialect.backend()))
            .await
    }

    pub(super) async fn commit(self) -> Result<(), DbErr> {
        self.connection.commit().await
    }

    pub(super) async fn rollback(self) -> Result<(), DbErr> {
        self.connection.rollback().await
    }

    fn statement(
        &self,
        sql: impl Into<String>,
        values: impl IntoIterator<Item = Value>,
    ) -> Statement {
        Statement::from_sql_and_values(self.dialect.backend(), sql, values)
    }
}
