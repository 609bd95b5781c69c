//! What differs between SQLite and Postgres.

use sea_orm::DbBackend;

/// Which database is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    pub(super) const fn backend(self) -> DbBackend {
        match self {
            Self::Sqlite => DbBackend::Sqlite,
            Self::Postgres => DbBackend::Postgres,
        }
    }

    /// The database's clock, in milliseconds since the epoch. On Postgres the real time and
    /// not the transaction's: a statement that waited for a row must not see an old lease.
    pub(super) const fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            Self::Postgres => "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
        }
    }

    /// Ends a `SELECT` whose rows are to stay as they are until the transaction ends.
    pub(super) const fn lock_rows(self) -> &'static str {
        match self {
            // The transaction is the only writer.
            Self::Sqlite => "",
            Self::Postgres => "FOR NO KEY UPDATE",
        }
    }

    /// Ends a `SELECT` from `table` that takes only rows that nobody else works on.
    pub(super) fn lock_free_rows(self, table: &str) -> String {
        match self {
            Self::Sqlite => String::new(),
            Self::Postgres => format!("FOR NO KEY UPDATE OF {table} SKIP LOCKED"),
        }
    }

    /// An expression that holds until the transaction ends all others that hold the same text.
    pub(super) fn hold_text(self, parameter: &str) -> String {
        match self {
            // The transaction is the only writer.
            Self::Sqlite => parameter.to_owned(),
            Self::Postgres => {
                format!(
                    "CASE WHEN pg_advisory_xact_lock(hashtextextended({parameter}, 0)) IS NULL THEN 0 ELSE 1 END"
                )
            }
        }
    }
}
