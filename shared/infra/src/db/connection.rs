//! Where statements go: a pool, a transaction of it, or a lane.

use super::{
    bounded::bounded,
    dialect::Dialect,
    lanes::{Lane, Lanes},
};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    ExecResult, IsolationLevel, QueryResult, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};

/// What a caller wants to do with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// One statement, for itself.
    Not,
    /// Read one snapshot.
    Reading,
    /// Write; on SQLite as the only one from the beginning.
    Writing,
}

/// Where connections come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Pool(DatabaseConnection),
    Lanes(Lanes),
}

impl Source {
    pub(super) async fn take(&self, dialect: Dialect, begin: Begin) -> Result<Connection, DbErr> {
        match (self, begin) {
            (Self::Lanes(lanes), begin) => lanes.take(begin).await.map(Connection::Lane),
            (Self::Pool(pool), Begin::Not) => Ok(Connection::Pool(pool.clone())),
            (Self::Pool(pool), Begin::Reading | Begin::Writing) => {
                let transaction = bounded(pool.begin_with_options(options(dialect, begin))).await?;
                Ok(Connection::Transaction(transaction))
            }
        }
    }

    pub(super) async fn close(&self) -> Result<(), DbErr> {
        match self {
            Self::Pool(pool) => pool.close_by_ref().await,
            Self::Lanes(lanes) => lanes.close().await,
        }
    }
}

fn options(dialect: Dialect, begin: Begin) -> TransactionOptions {
    match (dialect, begin) {
        (Dialect::Sqlite, Begin::Writing) => TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        },
        (Dialect::Postgres, Begin::Reading) => TransactionOptions {
            isolation_level: Some(IsolationLevel::RepeatableRead),
            access_mode: Some(AccessMode::ReadOnly),
            ..TransactionOptions::default()
        },
        (Dialect::Sqlite, Begin::Not | Begin::Reading)
        | (Dialect::Postgres, Begin::Not | Begin::Writing) => TransactionOptions::default(),
    }
}

/// Takes statements. Dropped before [`Connection::commit`], a transaction leaves nothing.
pub(super) enum Connection {
    Pool(DatabaseConnection),
    Transaction(DatabaseTransaction),
    Lane(Lane),
}

impl Connection {
    /// Runs a statement whose answer nobody waits for; at the latest the commit tells if it
    /// failed.
    pub(super) async fn defer(&self, statement: Statement) -> Result<(), DbErr> {
        match self {
            Self::Pool(_) | Self::Transaction(_) => self.execute_raw(statement).await.map(drop),
            Self::Lane(lane) => lane.defer(statement).await,
        }
    }

    pub(super) async fn commit(self) -> Result<(), DbErr> {
        match self {
            Self::Pool(_) => Ok(()),
            Self::Transaction(transaction) => bounded(transaction.commit()).await,
            Self::Lane(lane) => lane.commit().await,
        }
    }

    pub(super) async fn rollback(self) -> Result<(), DbErr> {
        match self {
            Self::Pool(_) => Ok(()),
            Self::Transaction(transaction) => bounded(transaction.rollback()).await,
            Self::Lane(lane) => lane.rollback().await,
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Pool(pool) => pool.get_database_backend(),
            Self::Transaction(transaction) => transaction.get_database_backend(),
            Self::Lane(_) => DbBackend::Sqlite,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::Pool(pool) => bounded(pool.execute_raw(statement)).await,
            Self::Transaction(transaction) => bounded(transaction.execute_raw(statement)).await,
            Self::Lane(lane) => lane.execute(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let statement = Statement::from_string(self.get_database_backend(), sql);
        self.execute_raw(statement).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Self::Pool(pool) => bounded(pool.query_one_raw(statement)).await,
            Self::Transaction(transaction) => bounded(transaction.query_one_raw(statement)).await,
            Self::Lane(lane) => Ok(lane.query(statement).await?.into_iter().next()),
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Pool(pool) => bounded(pool.query_all_raw(statement)).await,
            Self::Transaction(transaction) => bounded(transaction.query_all_raw(statement)).await,
            Self::Lane(lane) => lane.query(statement).await,
        }
    }
}
