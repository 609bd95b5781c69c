//! The schema of the database, up and down.
//!
//! One change a file; every change runs on SQLite and on Postgres. Conventions of all tables:
//! - ids are native UUIDs;
//! - instants (`…_at`) are milliseconds since the epoch, by the database's own clock: the one
//!   form that both databases store, compare and add to in the same way;
//! - JSON is text, read and written whole by the adapter;
//! - an unfinished turn is one with `finished_at IS NULL`. Partial indexes use exactly these
//!   words, since SQLite takes such an index only if the query repeats them.

mod m20261123_000001_sessions;
mod m20261123_000002_turns;
mod m20261123_000003_messages;
mod m20261123_000004_turn_parts;
mod m20261123_000005_tool_calls;
mod m20261123_000006_executors;
mod m20261123_000007_files;
mod m20261127_000008_session_expiry;
mod schema_change;
mod schema_status;

pub use schema_change::{down, up};
pub use schema_status::{SchemaStatus, status};
pub use sea_orm_migration::{MigratorTrait, prelude::DbErr};

use sea_orm_migration::MigrationTrait;

/// All migrations, oldest first. [`up`] brings a database up to date, [`down`] takes the last
/// one back, [`status`] tells.
#[derive(Clone, Copy, Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_sessions::Migration),
            Box::new(m20261123_000002_turns::Migration),
            Box::new(m20261123_000003_messages::Migration),
            Box::new(m20261123_000004_turn_parts::Migration),
            Box::new(m20261123_000005_tool_calls::Migration),
            Box::new(m20261123_000006_executors::Migration),
            Box::new(m20261123_000007_files::Migration),
            Box::new(m20261127_000008_session_expiry::Migration),
        ]
    }
}
