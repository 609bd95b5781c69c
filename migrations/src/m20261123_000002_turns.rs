//! Turns: the truth about all work.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, text, text_null, uuid, uuid_null},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const INDEXES: [&str; 8] = [
    "CREATE UNIQUE INDEX turns_number ON turns (session_id, number)",
    "CREATE UNIQUE INDEX turns_idempotency_key ON turns (session_id, idempotency_key) \
     WHERE idempotency_key IS NOT NULL",
    // The belt: never two at work in a session, whatever the claim thought.
    "CREATE UNIQUE INDEX turns_at_work ON turns (session_id) WHERE status IN ('running', 'paused')",
    // The session's order of waiting.
    "CREATE INDEX turns_unfinished ON turns (session_id, number) WHERE finished_at IS NULL",
    // What the caps count.
    "CREATE INDEX turns_of_caller ON turns (caller_key, status) WHERE finished_at IS NULL",
    // What the look looks for.
    "CREATE INDEX turns_to_look_at ON turns (status, created_at, id) WHERE finished_at IS NULL",
    "CREATE INDEX turns_to_cancel ON turns (cancel_requested_at) \
     WHERE cancel_requested_at IS NOT NULL AND finished_at IS NULL",
    // What an executor holds, and ended turns whose stream may not have ended.
    "CREATE INDEX turns_owned ON turns (owner) WHERE owner IS NOT NULL",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let turns = Table::create()
            .table("turns")
            .col(uuid("id").primary_key())
            .col(uuid("session_id"))
            .col(text_null("user_id"))
            // The user's id, or the session's id of an anonymous caller.
            .col(text("caller_key"))
            .col(big_integer("number"))
            .col(text("status"))
            .col(big_integer("attempt"))
            // The executor lease that works on it. It stays after the end until the stream
            // has ended too; the nil UUID stands for whoever ended it by force.
            .col(uuid_null("owner"))
            .col(big_integer("lost_attempts"))
            .col(big_integer("steps"))
            .col(big_integer("durable_attempt"))
            .col(big_integer("durable_unit"))
            .col(big_integer_null("cancel_requested_at"))
            .col(text_null("idempotency_key"))
            .col(text_null("content_digest"))
            .col(uuid("answer_id"))
            .col(uuid("message_id"))
            .col(text("request"))
            .col(text_null("finish_reason"))
            .col(text("usage"))
            .col(text_null("error"))
            .col(big_integer("created_at"))
            .col(big_integer_null("started_at"))
            .col(big_integer_null("deadline_at"))
            .col(big_integer_null("finished_at"))
            .foreign_key(
                ForeignKey::create()
                    .name("turns_session")
                    .from("turns", "session_id")
                    .to("sessions", "id"),
            )
            .to_owned();
        manager.create_table(turns).await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("turns").to_owned())
            .await
    }
}
