//! Changing the schema: one changer at a time, all or nothing on Postgres.

use crate::{Migrator, schema_status::status_of};
use sea_orm_migration::{
    MigratorTrait,
    sea_orm::{
        ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
        TransactionTrait,
    },
};

/// Names the lock; any number will do that nothing else on the database takes.
const LOCK: i64 = 0x0063_6f70_696c_6f74;
/// How long another changer is waited for.
const LOCK_WAIT: &str = "120s";

/// Brings the schema up to date. One that is newer than this program is left alone. Safe from
/// several processes at once: one works, the others wait and find nothing left to do.
pub async fn up(db: &DatabaseConnection) -> Result<(), DbErr> {
    if status_of(db).await?.pending.is_empty() {
        return Ok(());
    }
    if db.get_database_backend() != DbBackend::Postgres {
        return Migrator::up(db, None).await;
    }
    let change = alone(db).await?;
    if !status_of(&change).await?.pending.is_empty() {
        Migrator::up(&change, None).await?;
    }
    change.commit().await
}

/// Takes the newest migration back.
pub async fn down(db: &DatabaseConnection) -> Result<(), DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Migrator::down(db, Some(1)).await;
    }
    let change = alone(db).await?;
    Migrator::down(&change, Some(1)).await?;
    change.commit().await
}

/// A transaction that no other changer shares. A change may take its time; a SQLite file has
/// one process and needs none of this.
async fn alone(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let change = db.begin().await?;
    change
        .execute_unprepared(&format!(
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '{LOCK_WAIT}'; \
             SELECT pg_advisory_xact_lock({LOCK})"
        ))
        .await?;
    Ok(change)
}
