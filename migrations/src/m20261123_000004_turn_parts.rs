//! What is durable of a turn's stream: one row for each durable point.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, text, uuid},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let turn_parts = Table::create()
            .table("turn_parts")
            .col(uuid("turn_id"))
            // The position where the row ends: the durable point itself.
            .col(big_integer("attempt"))
            .col(big_integer("unit"))
            // A JSON array of stream entries.
            .col(text("payload"))
            .primary_key(Index::create().col("turn_id").col("attempt").col("unit"))
            .foreign_key(
                ForeignKey::create()
                    .name("turn_parts_turn")
                    .from("turn_parts", "turn_id")
                    .to("turns", "id"),
            )
            .to_owned();
        manager.create_table(turn_parts).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("turn_parts").to_owned())
            .await
    }
}
