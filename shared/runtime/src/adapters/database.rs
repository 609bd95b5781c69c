//! Opening the database.

use crate::settings::{DatabaseSettings, DatabaseUrl, Program};
use copilot_infra::db::{ConnectError, Database, Visit};
use copilot_migrations::{DbErr, status, up};
use secrecy::{ExposeSecret as _, SecretString};
use std::path::Path;
use url::Url;

/// The database cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be opened.
    #[error("database.url: {0}")]
    Connect(#[from] ConnectError),
    /// Its schema is older than this program.
    #[error("the database's schema is older than this program, run `{program} migrate up`")]
    Older {
        /// The program to run.
        program: Program,
    },
    /// Reading or changing the schema failed.
    #[error("the database's schema cannot be read or changed: {0}")]
    Schema(#[from] DbErr),
}

/// Opens the database with a schema that this program can work with: migrates it where the
/// settings say so, refuses an older one otherwise. A newer one is fine.
pub async fn open_database(
    program: Program,
    settings: &DatabaseSettings,
) -> Result<Database, DatabaseError> {
    let database = connect(settings).await?;
    if settings.migrate_on_start {
        up(database.connection()).await?;
    } else if !status(database.connection()).await?.pending.is_empty() {
        return Err(DatabaseError::Older { program });
    }
    Ok(database)
}

/// Opens the database as it is.
pub async fn connect(settings: &DatabaseSettings) -> Result<Database, ConnectError> {
    let url = address(settings);
    Database::connect(url.expose_secret(), settings.max_connections).await
}

/// Looks at the database as it is, also while another process works on it.
pub async fn visit(settings: &DatabaseSettings) -> Result<Visit, ConnectError> {
    Visit::open(address(settings).expose_secret()).await
}

/// The URL with the certificates that the settings name, in the words of the driver. Who names
/// an authority wants the server checked against it, unless the URL says otherwise.
fn address(settings: &DatabaseSettings) -> SecretString {
    let text = settings.url.expose();
    let (DatabaseUrl::Postgres(_), Ok(mut url)) = (&settings.url, Url::parse(text)) else {
        return text.into();
    };
    let names_mode = url.query_pairs().any(|(name, _)| name == "sslmode");
    let path = |file: &Path| file.to_string_lossy().into_owned();
    let mut certificates = Vec::new();
    if let Some(file) = &settings.tls.ca_file {
        certificates.push(("sslrootcert", path(file)));
        if !names_mode {
            certificates.push(("sslmode", "verify-full".to_owned()));
        }
    }
    if let Some(client) = &settings.tls.client {
        certificates.push(("sslcert", path(&client.cert_file)));
        certificates.push(("sslkey", path(&client.key_file)));
    }
    if !certificates.is_empty() {
        url.query_pairs_mut().extend_pairs(certificates);
    }
    url.as_str().into()
}
