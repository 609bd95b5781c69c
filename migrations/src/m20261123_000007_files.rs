//! Files of the workspace: a place-holder until uploads come.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, text, uuid, uuid_null},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let files = Table::create()
            .table("files")
            .col(uuid("id").primary_key())
            // Null once the session is gone and its files were to stay.
            .col(uuid_null("session_id"))
            .col(text("user_id"))
            .col(text("path"))
            .col(text("name"))
            .col(text("mime_type"))
            .col(big_integer("size_bytes"))
            .col(big_integer("created_at"))
            .col(big_integer_null("deleted_at"))
            .foreign_key(
                ForeignKey::create()
                    .name("files_session")
                    .from("files", "session_id")
                    .to("sessions", "id"),
            )
            .to_owned();
        manager.create_table(files).await?;
        let db = manager.get_connection();
        db.execute_unprepared("CREATE INDEX files_of_user ON files (user_id, path)")
            .await?;
        db.execute_unprepared("CREATE INDEX files_of_session ON files (session_id)")
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("files").to_owned())
            .await
    }
}
