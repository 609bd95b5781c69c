//! What went wrong inside the store, before it is told to the caller.

use copilot_core::port::{ErrorKind, PortError};
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// A method of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Db(#[from] DbErr),
    #[error("unreadable json in the database")]
    Json(#[from] serde_json::Error),
    #[error("unknown name in the database: {0}")]
    Name(#[from] serde::de::value::Error),
    #[error("{0}")]
    Data(String),
}

impl Failure {
    /// Tells what was tried.
    pub(super) fn doing(self, doing: &'static str) -> PortError {
        PortError {
            kind: self.kind(),
            doing,
            source: Box::new(self),
        }
    }

    /// Whether a unique index refused the statement.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Db(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))))
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::Db(error) if may_pass(error) => ErrorKind::Unavailable,
            Self::Db(_) | Self::Json(_) | Self::Name(_) | Self::Data(_) => ErrorKind::Broken,
        }
    }
}

fn may_pass(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            sqlx_may_pass(error)
        }
        _ => false,
    }
}

fn sqlx_may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code_may_pass(&code)),
        _ => false,
    }
}

/// A Postgres SQLSTATE has five characters, of which the first two are the class; SQLite's
/// codes are numbers, of which the low byte is the class.
fn code_may_pass(code: &str) -> bool {
    const CONNECTION: &str = "08";
    const ROLLBACK: &str = "40"; // serialization failure, deadlock
    const RESOURCES: &str = "53";
    const OPERATOR: &str = "57"; // shutdown, cancelled
    const LOCK_NOT_AVAILABLE: &str = "55P03";
    const SQLITE_PASSING: [u32; 5] = [5, 6, 10, 13, 15]; // busy, locked, io, full, protocol

    if code.len() == 5 {
        let class = code.get(..2).unwrap_or_default();
        return [CONNECTION, ROLLBACK, RESOURCES, OPERATOR].contains(&class)
            || code == LOCK_NOT_AVAILABLE;
    }
    code.parse::<u32>()
        .is_ok_and(|code| SQLITE_PASSING.contains(&(code & 0xff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_told_from_what_never_will() {
        for passing in [
            "40001", "40P01", "53300", "57P01", "08006", "55P03", "5", "261", "517", "6",
        ] {
            assert!(code_may_pass(passing), "{passing}");
        }
        for lasting in ["23505", "42P01", "22001", "1", "8", "19", "2067"] {
            assert!(!code_may_pass(lasting), "{lasting}");
        }
    }
}
