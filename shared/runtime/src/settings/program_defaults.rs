//! Defaults that `config/default.toml` cannot give, since they depend on the program or on other keys.

use std::path::Path;

use url::Url;

use super::database_url::DatabaseUrl;
use super::layer::{Layer, Layers};
use super::origin::Origin;
use super::program::Program;
use super::value::FromText as _;

const SQLITE_CONNECTIONS: i64 = 8;
const POSTGRES_CONNECTIONS: i64 = 20;

pub(super) fn program_defaults(program: Program) -> Layer {
    let mut layer = Layer::default();
    let embedded = program == Program::Copilot;
    let mode = if embedded { "local" } else { "jwt" };
    layer.set("auth.mode", mode, Origin::Default);
    layer.set("database.migrate_on_start", embedded, Origin::Default);
    let metrics = match program {
        Program::Copilot | Program::Api => "127.0.0.1:9006",
        Program::Executor => "127.0.0.1:9007",
    };
    layer.set("metrics.listen", metrics, Origin::Default);
    if embedded {
        layer.set(
            "database.url",
            "sqlite://copilot.db?mode=rwc",
            Origin::Default,
        );
    }
    layer
}

/// What follows from the database: the size of its pool, and where `copilot` keeps files.
pub(super) fn database_defaults(program: Program, directory: &Path, layers: &Layers) -> Layer {
    let mut layer = Layer::default();
    let database = layers.text("database.url").map(DatabaseUrl::from_text);
    let connections = match &database {
        Some(Ok(DatabaseUrl::Sqlite(_))) => SQLITE_CONNECTIONS,
        _ => POSTGRES_CONNECTIONS,
    };
    layer.set("database.max_connections", connections, Origin::Default);
    if program == Program::Copilot {
        let database_file = database
            .and_then(Result::ok)
            .and_then(|url| url.sqlite_file());
        if let Some(url) = files_url(directory, database_file.as_deref()) {
            layer.set("files.url", url.as_str(), Origin::Default);
        }
    }
    layer
}

/// `files` beside the database file, else in the directory itself.
fn files_url(directory: &Path, database_file: Option<&Path>) -> Option<Url> {
    let beside = database_file.and_then(Path::parent);
    let folder = match beside {
        Some(parent) => directory.join(parent),
        None => directory.to_owned(),
    };
    let folder = std::path::absolute(folder.join("files")).ok()?;
    Url::from_file_path(folder).ok()
}
