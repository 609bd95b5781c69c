//! Sessions.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, boolean, text_null, uuid},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sessions = Table::create()
            .table("sessions")
            .col(uuid("id").primary_key())
            .col(text_null("client_id"))
            .col(text_null("user_id"))
            .col(text_null("title"))
            // The number of the newest turn; counting up also serialises a session's turns.
            .col(big_integer("turn_count").default(0))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .col(big_integer_null("deleted_at"))
            .col(boolean("keep_files").default(false))
            .to_owned();
        manager.create_table(sessions).await?;
        let db = manager.get_connection();
        // A deleted session gives its client id up, so that the name can be used again.
        db.execute_unprepared(
            "CREATE UNIQUE INDEX sessions_client_id ON sessions (user_id, client_id)",
        )
        .await?;
        db.execute_unprepared(
            "CREATE INDEX sessions_listed ON sessions (user_id, updated_at, id) WHERE deleted_at IS NULL",
        )
        .await?;
        db.execute_unprepared(
            "CREATE INDEX sessions_to_purge ON sessions (deleted_at) WHERE deleted_at IS NOT NULL",
        )
        .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("sessions").to_owned())
            .await
    }
}
