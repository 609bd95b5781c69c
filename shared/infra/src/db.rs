//! The stores on SQLite and on Postgres, from one source.
//!
//! - One method of a port is one transaction. On SQLite all writing goes through one
//!   connection and begins with `BEGIN IMMEDIATE`, so writers never meet; on Postgres rows
//!   are locked in one order: session, then caller (an advisory lock), then turns.
//! - What must not be decided twice is decided by the `WHERE` of one `UPDATE … RETURNING`.
//! - A SQLite file is reached through `lanes`, which spare it most trips to its threads.
//! - All time is the database's own (`dialect`); `now` stands in the statements.
//! - What differs between the two databases is in `dialect`, and nowhere else.

mod bounded;
mod claim;
mod commit;
mod connection;
mod database;
mod dialect;
mod entity;
mod exchanges;
mod expiry;
mod failure;
mod groundwork;
mod intake;
mod lanes;
mod lease;
mod names;
mod process_lock;
mod purge;
mod records;
mod rows;
mod sessions;
mod snapshot;
mod sql;
mod store;
mod upkeep;
mod visit;
mod work;

pub use database::{ConnectError, Database};
pub use store::SqlStore;
pub use visit::{Visit, is_in_use};
