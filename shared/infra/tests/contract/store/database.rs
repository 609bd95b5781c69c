//! Opening databases, and their schema.

use super::backend::{Server, file_url};
use copilot_infra::db::{ConnectError, Database};
use copilot_migrations::{Migrator, MigratorTrait, SchemaStatus, down, status, up};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use tempfile::TempDir;

/// Up, down and up again; the status tells where it is.
async fn migrate_up_and_down(db: &DatabaseConnection) {
    let all = Migrator::migrations().len();
    let counts = |status: &SchemaStatus| (status.applied.len(), status.pending.len());
    assert_eq!(counts(&status(db).await.unwrap()), (0, all));
    Migrator::up(db, None).await.unwrap();
    assert_eq!(counts(&status(db).await.unwrap()), (all, 0));
    Migrator::down(db, Some(1)).await.unwrap();
    assert_eq!(counts(&status(db).await.unwrap()), (all - 1, 1));
    Migrator::down(db, None).await.unwrap();
    assert_eq!(counts(&status(db).await.unwrap()), (0, all));
    Migrator::up(db, None).await.unwrap();
    assert_eq!(counts(&status(db).await.unwrap()), (all, 0));

    db.execute_unprepared("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m3000', 0)")
        .await
        .unwrap();
    let newer = status(db).await.unwrap();
    assert_eq!(
        (newer.newer, newer.pending),
        (vec!["m3000".to_owned()], Vec::new())
    );
    up(db).await.unwrap();
}

#[tokio::test]
async fn migrations_go_up_and_down_on_sqlite() {
    let database = Database::connect("sqlite::memory:", 1).await.unwrap();
    assert!(database.is_embedded());
    migrate_up_and_down(database.connection()).await;
}

#[tokio::test]
async fn migrations_go_up_and_down_on_postgres() {
    let Some(server) = Server::of_environment() else {
        return;
    };
    let name = server.create_database().await;
    let database = Database::connect(&server.url_of(&name), 4).await.unwrap();
    assert!(!database.is_embedded());
    migrate_up_and_down(database.connection()).await;
    database.close().await.unwrap();
    server.drop_database(&name).await;
}

#[tokio::test]
async fn many_processes_may_migrate_postgres_at_once() {
    let Some(server) = Server::of_environment() else {
        return;
    };
    let name = server.create_database().await;
    let url = server.url_of(&name);
    let mut databases = Vec::new();
    for _ in 0..6 {
        databases.push(Database::connect(&url, 2).await.unwrap());
    }

    let all = databases.iter().map(|database| up(database.connection()));
    for done in futures::future::join_all(all).await {
        done.unwrap();
    }

    let now = status(databases[0].connection()).await.unwrap();
    assert_eq!(now.applied.len(), Migrator::migrations().len());
    down(databases[0].connection()).await.unwrap();
    let now = status(databases[1].connection()).await.unwrap();
    assert_eq!(now.pending.len(), 1);
    for database in databases {
        database.close().await.unwrap();
    }
    server.drop_database(&name).await;
}

#[tokio::test]
async fn a_second_process_on_the_same_file_is_told_which_file() {
    let folder = TempDir::new().unwrap();
    let url = file_url(&folder);
    let first = Database::connect(&url, 4).await.unwrap();
    let error = Database::connect(&url, 4).await.unwrap_err();
    assert!(matches!(error, ConnectError::InUse(_)));
    let line = error.to_string();
    assert!(
        line.contains("copilot.db") && line.contains("in use"),
        "{line}"
    );
    first.close().await.unwrap();
    drop(first);
    Database::connect(&url, 4).await.unwrap();
}

#[tokio::test]
async fn a_file_is_opened_with_a_write_ahead_log_and_foreign_keys() {
    let folder = TempDir::new().unwrap();
    let database = Database::connect(&file_url(&folder), 4).await.unwrap();
    let pragma = async |name: &str| -> String {
        let sql = format!("SELECT CAST({name} AS text) AS value FROM pragma_{name}");
        let statement = Statement::from_string(sea_orm::DbBackend::Sqlite, sql);
        let row = database
            .connection()
            .query_one_raw(statement)
            .await
            .unwrap()
            .unwrap();
        row.try_get("", "value").unwrap()
    };
    assert_eq!(pragma("journal_mode").await, "wal");
    assert_eq!(pragma("synchronous").await, "1");
    assert_eq!(pragma("foreign_keys").await, "1");
}

#[tokio::test]
async fn another_kind_of_url_is_refused_without_being_shown() {
    let error = Database::connect("mysql://root:secret@localhost/db", 4)
        .await
        .unwrap_err();
    assert!(!format!("{error:?} {error}").contains("secret"));
    assert!(error.to_string().contains("sqlite: or postgres:"));
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_without_its_password() {
    let error = Database::connect("postgres://me:secret@127.0.0.1:1/db", 4)
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Reach(_)));
    assert!(!format!("{error:?} {error}").contains("secret"));
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn an_unreadable_url_is_refused_without_being_shown() {
    for url in [
        "postgres://me:secret@host:port/db",
        "postgres://me:secret@[::1/db",
    ] {
        let error = Database::connect(url, 4).await.unwrap_err();
        assert!(matches!(error, ConnectError::Url), "{error}");
        assert!(!format!("{error:?} {error}").contains("secret"));
    }
}
