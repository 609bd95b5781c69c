//! The ledger: which tool calls a committed reply asked for, and what came out.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, text, text_null, uuid},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tool_calls = Table::create()
            .table("tool_calls")
            .col(uuid("turn_id"))
            .col(big_integer("step"))
            .col(big_integer("call_index"))
            .col(text("call_id"))
            .col(text("name"))
            .col(text("arguments"))
            .col(text("effect"))
            // Null while the call is pending.
            .col(text_null("outcome"))
            .primary_key(Index::create().col("turn_id").col("step").col("call_index"))
            .foreign_key(
                ForeignKey::create()
                    .name("tool_calls_turn")
                    .from("tool_calls", "turn_id")
                    .to("turns", "id"),
            )
            .to_owned();
        manager.create_table(tool_calls).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("tool_calls").to_owned())
            .await
    }
}
