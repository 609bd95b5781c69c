//! Messages.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, text, text_null, uuid},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let messages = Table::create()
            .table("messages")
            .col(uuid("id").primary_key())
            .col(uuid("session_id"))
            // No foreign key: a turn's messages are found by their range of sequences, and a
            // key would want an index of its own for every deletion.
            .col(uuid("turn_id"))
            .col(big_integer("sequence"))
            .col(text("role"))
            .col(text_null("content"))
            .col(text_null("name"))
            .col(text_null("tool_call_id"))
            .col(text_null("refusal"))
            .col(text_null("tool_calls"))
            .col(text_null("function_call"))
            .col(text_null("reasoning"))
            .col(big_integer("created_at"))
            .col(text_null("metadata"))
            .foreign_key(
                ForeignKey::create()
                    .name("messages_session")
                    .from("messages", "session_id")
                    .to("sessions", "id"),
            )
            .to_owned();
        manager.create_table(messages).await?;
        manager
            .get_connection()
            .execute_unprepared(
                "CREATE UNIQUE INDEX messages_sequence ON messages (session_id, sequence)",
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("messages").to_owned())
            .await
    }
}
