use super::database_url::DatabaseUrl;
use super::fault::{Fault, within};
use super::program::Program;
use super::raw::RawDatabase;
use super::tls::TlsSettings;

/// The database and its pool.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// `SQLite` only in `copilot`.
    pub url: DatabaseUrl,
    /// Connections of this process.
    pub max_connections: u32,
    /// Whether an older schema is brought up to date at start.
    pub migrate_on_start: bool,
    /// For Postgres.
    pub tls: TlsSettings,
}

impl DatabaseSettings {
    pub(super) fn checked(program: Program, raw: RawDatabase) -> Result<Self, Fault> {
        let url = match (program, raw.url) {
            (_, None) => {
                return Err(Fault::new(
                    "database.url",
                    format!("needed by {program}: the address of a Postgres database"),
                ));
            }
            (Program::Api | Program::Executor, Some(url @ DatabaseUrl::Sqlite(_))) => {
                return Err(Fault::new(
                    "database.url",
                    format!("{program} needs Postgres (postgres://…), got {url}"),
                ));
            }
            (_, Some(url)) => url,
        };
        Ok(Self {
            url,
            max_connections: within("database.max_connections", raw.max_connections, 1..=10_000)?,
            migrate_on_start: raw.migrate_on_start,
            tls: TlsSettings::checked(
                ["database.tls_cert_file", "database.tls_key_file"],
                raw.tls_ca_file,
                raw.tls_cert_file,
                raw.tls_key_file,
            )?,
        })
    }
}
