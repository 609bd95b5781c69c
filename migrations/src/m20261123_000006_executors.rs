//! Leases of executors. A turn's owner without a good row here is gone.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, uuid},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let executors = Table::create()
            .table("executors")
            .col(uuid("id").primary_key())
            .col(big_integer("expires_at"))
            .to_owned();
        manager.create_table(executors).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("executors").to_owned())
            .await
    }
}
