//! Fresh databases to run a test on.

use copilot_core::port::store::Store;
use copilot_infra::db::{Database, SqlStore};
use copilot_migrations::{Migrator, MigratorTrait};
use futures::FutureExt;
use sea_orm::ConnectionTrait;
use std::{env, panic::AssertUnwindSafe, sync::Arc};
use tempfile::TempDir;
use uuid::Uuid;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    SqliteMemory,
    SqliteFile,
    Postgres,
}

/// The store under test, with its database at hand.
pub(crate) struct Subject {
    pub(crate) store: Arc<SqlStore>,
}

impl Subject {
    /// The store as everything above sees it.
    pub(crate) fn port(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    /// How many rows a table has.
    pub(crate) async fn rows(&self, table: &str) -> i64 {
        let statement = sea_orm::Statement::from_string(
            self.store.database().connection().get_database_backend(),
            format!("SELECT COUNT(*) AS n FROM {table}"),
        );
        let row = self
            .store
            .database()
            .connection()
            .query_one_raw(statement)
            .await
            .unwrap();
        row.unwrap().try_get("", "n").unwrap()
    }
}

/// Runs a test on a fresh database of `backend`; Postgres only where there is one.
pub(crate) async fn run(backend: Backend, test: impl AsyncFnOnce(&Subject)) {
    match backend {
        Backend::SqliteMemory => test(&subject("sqlite::memory:").await).await,
        Backend::SqliteFile => {
            let folder = TempDir::new().unwrap();
            test(&subject(&file_url(&folder)).await).await;
        }
        Backend::Postgres => {
            let Some(server) = Server::of_environment() else {
                return;
            };
            let name = server.create_database().await;
            let subject = subject(&server.url_of(&name)).await;
            let outcome = AssertUnwindSafe(test(&subject)).catch_unwind().await;
            subject.store.database().close().await.unwrap();
            server.drop_database(&name).await;
            if let Err(panic) = outcome {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// A file in `folder`.
pub(crate) fn file_url(folder: &TempDir) -> String {
    format!(
        "sqlite://{}?mode=rwc",
        folder.path().join("copilot.db").display()
    )
}

async fn subject(url: &str) -> Subject {
    connect(url, 10).await
}

/// A store with so many connections, on a database with the schema of today.
pub(crate) async fn connect(url: &str, connections: u32) -> Subject {
    let database = Database::connect(url, connections).await.unwrap();
    Migrator::up(database.connection(), None).await.unwrap();
    Subject {
        store: Arc::new(SqlStore::new(database)),
    }
}

/// A Postgres server that tests may make databases on.
pub(crate) struct Server {
    admin: String,
}

impl Server {
    const URL: &str = "COPILOT_TEST_POSTGRES_URL";

    /// The one that `./dev test` has started; it may be missing only where nobody promised it.
    pub(crate) fn of_environment() -> Option<Self> {
        if let Ok(admin) = env::var(Self::URL) {
            return Some(Self { admin });
        }
        let promised = env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false")
            || env::var("COPILOT_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
        assert!(
            !promised,
            "{} is not set: run the tests by `./dev test`",
            Self::URL
        );
        None
    }

    /// A new database's name.
    pub(crate) async fn create_database(&self) -> String {
        let name = format!("copilot_{}", crate::world::id::<Uuid>().simple());
        self.execute(&format!("CREATE DATABASE {name}")).await;
        name
    }

    pub(crate) async fn drop_database(&self, name: &str) {
        self.execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
            .await;
    }

    /// The URL of a database, made from the administrator's.
    pub(crate) fn url_of(&self, name: &str) -> String {
        let (server, _) = self
            .admin
            .rsplit_once('/')
            .expect("an administrator's URL names a database");
        format!("{server}/{name}")
    }

    async fn execute(&self, sql: &str) {
        let admin = sea_orm::Database::connect(&self.admin).await.unwrap();
        admin.execute_unprepared(sql).await.unwrap();
        admin.close().await.unwrap();
    }
}
