//! How a database's schema relates to this program's.

use crate::Migrator;
use sea_orm_migration::{
    IntoSchemaManagerConnection, MigratorTrait, SchemaManager,
    sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, QuerySelect},
    seaql_migrations,
};
use std::collections::BTreeSet;

/// How a database's schema relates to this program's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStatus {
    /// Migrations that this program brings and the database has, oldest first.
    pub applied: Vec<String>,
    /// Migrations that this program brings and the database lacks, oldest first. Empty: the
    /// schema is as new as the program or newer, and the program may run.
    pub pending: Vec<String>,
    /// Migrations of a newer program. They are additive, so they do no harm.
    pub newer: Vec<String>,
}

/// Reads the status. Changes nothing, also on an empty database.
pub async fn status(db: &DatabaseConnection) -> Result<SchemaStatus, DbErr> {
    status_of(db).await
}

/// [`status`], also inside a transaction.
pub(crate) async fn status_of<C>(db: &C) -> Result<SchemaStatus, DbErr>
where
    C: ConnectionTrait,
    for<'a> &'a C: IntoSchemaManagerConnection<'a>,
{
    let mut known = applied_versions(db).await?;
    let (applied, pending) = Migrator::migrations()
        .iter()
        .map(|migration| migration.name().to_owned())
        .partition(|name| known.remove(name));
    Ok(SchemaStatus {
        applied,
        pending,
        newer: known.into_iter().collect(),
    })
}

async fn applied_versions<C>(db: &C) -> Result<BTreeSet<String>, DbErr>
where
    C: ConnectionTrait,
    for<'a> &'a C: IntoSchemaManagerConnection<'a>,
{
    if !SchemaManager::new(db).has_table("seaql_migrations").await? {
        return Ok(BTreeSet::new());
    }
    let versions = seaql_migrations::Entity::find()
        .select_only()
        .column(seaql_migrations::Column::Version)
        .into_tuple::<String>()
        .all(db)
        .await?;
    Ok(versions.into_iter().collect())
}
