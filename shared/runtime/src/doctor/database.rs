use super::{Check, Finding, folder};
use crate::{
    adapters::visit,
    settings::{DatabaseSettings, Program},
};
use async_trait::async_trait;
use copilot_infra::db::{Visit, is_in_use};
use copilot_migrations::{SchemaStatus, status};
use std::path::Path;

/// Whether the database can be reached, has the schema, and takes writes.
pub(super) struct Database {
    pub(super) program: Program,
    pub(super) settings: DatabaseSettings,
}

#[async_trait]
impl Check for Database {
    fn name(&self) -> &'static str {
        "database"
    }

    async fn run(&self) -> Finding {
        let found = match self.settings.url.sqlite_file() {
            Some(file) => self.file(&file).await,
            None if self.settings.url.is_in_memory() => Ok(Finding::warning(
                "in memory: all data is gone when the program stops",
                "use sqlite://copilot.db?mode=rwc to keep it",
            )),
            None => self.server().await,
        };
        found.unwrap_or_else(|fault| fault)
    }
}

impl Database {
    async fn server(&self) -> Result<Finding, Finding> {
        let visit = visit(&self.settings).await.map_err(|error| {
            Finding::failed(
                error.to_string(),
                "look whether the server runs, and at host, user, password and TLS in database.url",
            )
        })?;
        self.contents(&visit, self.settings.url.to_string()).await
    }

    async fn file(&self, file: &Path) -> Result<Finding, Finding> {
        let name = file.display();
        if !file.exists() {
            return self.absent(file);
        }
        let in_use = is_in_use(file).map_err(|error| {
            Finding::failed(
                format!("cannot look at {name}.lock: {error}"),
                "let the program's user read it",
            )
        })?;
        let visit = visit(&self.settings).await.map_err(|error| {
            Finding::failed(
                format!("{name}: {error}"),
                "let the program's user read and write it; if it is no database of copilot, name another in database.url",
            )
        })?;
        let user = if in_use {
            ", in use by a running copilot"
        } else {
            ""
        };
        let mode = visit
            .journal_mode()
            .await
            .map_err(|error| damaged(&error))?;
        let journal = match mode.as_deref() {
            Some("wal") | None => String::new(),
            Some(other) => format!(", journal {other} (the start switches it to WAL)"),
        };
        self.contents(&visit, format!("{name}{user}{journal}"))
            .await
    }

    fn absent(&self, file: &Path) -> Result<Finding, Finding> {
        let name = file.display();
        if !self.settings.url.makes_file() {
            return Err(Finding::failed(
                format!("{name} is not there, and database.url does not let it be made"),
                "add ?mode=rwc to database.url",
            ));
        }
        folder::takes_files(folder::of(file)).map_err(|problem| {
            Finding::failed(
                format!("{name} cannot be made: {problem}"),
                "make that folder, let the program's user write to it, or change database.url",
            )
        })?;
        Ok(Finding::ok(format!(
            "{name} is not there yet; the start makes it"
        )))
    }

    async fn contents(&self, visit: &Visit, name: String) -> Result<Finding, Finding> {
        let schema = status(visit.connection())
            .await
            .map_err(|error| damaged(&error))?;
        if let Some(finding) = self.older(&schema, &name) {
            return Err(finding);
        }
        visit.try_write().await.map_err(|error| {
            Finding::failed(
                format!("{name} does not take writes: {error}"),
                "let the program's user write, or name a database that is no read-only copy",
            )
        })?;
        let newer = if schema.newer.is_empty() {
            ""
        } else {
            ", schema of a newer version (that is fine)"
        };
        Ok(Finding::ok(format!(
            "{name}, schema up to date, writable{newer}"
        )))
    }

    /// What is to be said where migrations are missing.
    fn older(&self, schema: &SchemaStatus, name: &str) -> Option<Finding> {
        let pending = schema.pending.len();
        let note = format!("{name}, {pending} migrations are missing");
        match pending {
            0 => None,
            _ if self.settings.migrate_on_start => {
                Some(Finding::ok(format!("{note}; the start applies them")))
            }
            _ => Some(Finding::failed(
                note,
                format!(
                    "run `{} migrate up`, or set database.migrate_on_start=true",
                    self.program
                ),
            )),
        }
    }
}

fn damaged(error: &copilot_migrations::DbErr) -> Finding {
    Finding::failed(
        format!("cannot be read: {error}"),
        "if it is no database of copilot, change database.url; if it is damaged, restore a backup",
    )
}
