//! Connections to a SQLite file, driven by hand.
//!
//! Every command to a connection is a trip to its thread and back, and the trips, not SQLite,
//! are what a transaction costs. The pool makes many: one to begin and one to commit, each
//! with an acknowledgement of its own, and one to test the connection when it comes back. Here
//! a transaction begins with its first statement and ends with its last, in the same trip.
//! (Measured on a transaction of three inserts: 66 µs instead of 168.)
//!
//! A caller may go away in the middle (its future is dropped). The connection then comes back
//! with its transaction open, and whoever takes it next rolls that back first.

use super::connection::Begin;
use futures::StreamExt;
use sea_orm::{
    ConnAcquireErr, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Value,
    sqlx::{
        self, ConnectOptions, Connection, Either, Executor,
        sqlite::{
            SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteQueryResult, SqliteRow,
        },
    },
};
use std::{
    fmt,
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// A few connections to one file, made when they are needed and kept.
#[derive(Clone)]
pub(super) struct Lanes {
    shared: Arc<Shared>,
}

struct Shared {
    options: SqliteConnectOptions,
    patience: Duration,
    free: Arc<Semaphore>,
    parked: StdMutex<Vec<Parked>>,
}

struct Parked {
    connection: SqliteConnection,
    left: Left,
}

/// How a connection was left by the last one that had it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Clean,
    InTransaction,
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes")
            .field("free", &self.shared.free.available_permits())
            .finish_non_exhaustive()
    }
}

impl Lanes {
    /// At most `count` connections; who finds none free waits for `patience`.
    pub(super) fn new(options: SqliteConnectOptions, count: u32, patience: Duration) -> Self {
        let count = usize::try_from(count).unwrap_or(1);
        let shared = Shared {
            options,
            patience,
            free: Arc::new(Semaphore::new(count)),
            parked: StdMutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A connection for one caller alone, until it is dropped.
    pub(super) async fn take(&self, begin: Begin) -> Result<Lane, DbErr> {
        let permit = tokio::time::timeout(
            self.shared.patience,
            Arc::clone(&self.shared.free).acquire_owned(),
        )
        .await
        .map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?
        .map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed))?;
        let parked = self.parked().pop();
        let connection = match parked {
            Some(Parked {
                connection,
                left: Left::Clean,
            }) => connection,
            Some(Parked {
                mut connection,
                left: Left::InTransaction,
            }) => {
                // It may have been over already; then there is nothing to roll back.
                let _nothing_left = connection.execute("ROLLBACK").await;
                connection
            }
            None => self.shared.options.connect().await.map_err(query_failed)?,
        };
        let state = State {
            connection: Some(connection),
            transaction: begin.into(),
            deferred: None,
        };
        Ok(Lane {
            lanes: self.clone(),
            state: Mutex::new(state),
            _permit: permit,
        })
    }

    /// Closes what is not in use; nothing can be taken any more.
    pub(super) async fn close(&self) -> Result<(), DbErr> {
        self.shared.free.close();
        let parked = std::mem::take(&mut *self.parked());
        for Parked { connection, .. } in parked {
            connection.close().await.map_err(query_failed)?;
        }
        Ok(())
    }

    fn parked(&self) -> MutexGuard<'_, Vec<Parked>> {
        self.shared
            .parked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection in the hands of one caller.
pub(super) struct Lane {
    lanes: Lanes,
    state: Mutex<State>,
    _permit: OwnedSemaphorePermit,
}

struct State {
    /// There until it is parked again.
    connection: Option<SqliteConnection>,
    transaction: Transaction,
    /// Statements without an answer that anybody waits for: they go with the next command.
    deferred: Option<Statement>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transaction {
    /// Each statement for itself.
    None,
    /// Begins by these words with the first statement.
    ToBegin(&'static str),
    Open,
}

impl From<Begin> for Transaction {
    fn from(begin: Begin) -> Self {
        match begin {
            Begin::Not => Self::None,
            Begin::Reading => Self::ToBegin("BEGIN"),
            Begin::Writing => Self::ToBegin("BEGIN IMMEDIATE"),
        }
    }
}

/// What a command brought.
struct Answer {
    done: SqliteQueryResult,
    rows: Vec<SqliteRow>,
}

impl Lane {
    pub(super) async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut state = self.state.lock().await;
        state
            .run(statement)
            .await
            .map(|answer| answer.done.into())
            .map_err(exec_failed)
    }

    pub(super) async fn query(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut state = self.state.lock().await;
        let answer = state.run(statement).await.map_err(query_failed)?;
        Ok(answer.rows.into_iter().map(QueryResult::from).collect())
    }

    /// Runs a statement with the next one or with the commit, which tells if it failed.
    pub(super) async fn defer(&self, statement: Statement) -> Result<(), DbErr> {
        let mut state = self.state.lock().await;
        let joined = match state.deferred.take() {
            None => statement,
            Some(former) => match joined(former, statement) {
                Ok(joined) => joined,
                Err((former, statement)) => {
                    state.run(former).await.map_err(exec_failed)?;
                    statement
                }
            },
        };
        state.deferred = Some(joined);
        Ok(())
    }

    pub(super) async fn commit(&self) -> Result<(), DbErr> {
        let mut state = self.state.lock().await;
        let last = match state.deferred.take() {
            Some(mut deferred) => {
                deferred.sql.push_str("; COMMIT");
                deferred
            }
            None if state.transaction == Transaction::Open => bare("COMMIT"),
            None => return Ok(()),
        };
        state.run(last).await.map_err(exec_failed)?;
        state.transaction = Transaction::None;
        Ok(())
    }

    pub(super) async fn rollback(&self) -> Result<(), DbErr> {
        let mut state = self.state.lock().await;
        state.deferred = None;
        if state.transaction == Transaction::Open {
            state.run(bare("ROLLBACK")).await.map_err(exec_failed)?;
        }
        state.transaction = Transaction::None;
        Ok(())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if let Some(connection) = state.connection.take() {
            let left = match state.transaction {
                Transaction::Open => Left::InTransaction,
                Transaction::None | Transaction::ToBegin(_) => Left::Clean,
            };
            self.lanes.parked().push(Parked { connection, left });
        }
    }
}

impl State {
    async fn run(&mut self, mut statement: Statement) -> Result<Answer, sqlx::Error> {
        if let Some(deferred) = self.deferred.take() {
            Box::pin(self.run(deferred)).await?;
        }
        if let Transaction::ToBegin(words) = self.transaction {
            statement.sql.insert_str(0, "; ");
            statement.sql.insert_str(0, words);
            // From here on it may be open, whatever becomes of the command.
            self.transaction = Transaction::Open;
        }
        let connection = self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        let arguments = arguments(statement.values.iter().flat_map(|values| values.0.iter()))?;
        let query = sqlx::query_with(sqlx::AssertSqlSafe(statement.sql), arguments);
        let mut results = connection.fetch_many(query);
        let mut answer = Answer {
            done: SqliteQueryResult::default(),
            rows: Vec::new(),
        };
        while let Some(result) = results.next().await {
            match result? {
                // Of several statements in one command the last one answers.
                Either::Left(done) => answer.done = done,
                Either::Right(row) => answer.rows.push(row),
            }
        }
        Ok(answer)
    }
}

fn bare(sql: &str) -> Statement {
    Statement::from_string(sea_orm::DbBackend::Sqlite, sql)
}

/// Two statements as one command, if their arguments are told apart by their order alone.
fn joined(mut first: Statement, second: Statement) -> Result<Statement, (Statement, Statement)> {
    if first.sql.contains('$') || second.sql.contains('$') {
        return Err((first, second));
    }
    first.sql.push_str("; ");
    first.sql.push_str(&second.sql);
    if let Some(more) = second.values {
        first
            .values
            .get_or_insert_with(|| sea_orm::Values(Vec::new()))
            .0
            .extend(more.0);
    }
    Ok(first)
}

/// The few kinds of values that our statements have.
fn arguments<'v>(values: impl Iterator<Item = &'v Value>) -> Result<SqliteArguments, sqlx::Error> {
    use sqlx::Arguments;

    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            Value::Bool(value) => arguments.add(*value),
            Value::BigInt(value) => arguments.add(*value),
            Value::String(value) => arguments.add(value.clone()),
            Value::Uuid(value) => arguments.add(*value),
            other => Err(format!("no way to bind {other:?}").into()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn exec_failed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

fn query_failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}
