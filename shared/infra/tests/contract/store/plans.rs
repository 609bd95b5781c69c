//! No hot query reads a large table from end to end.
//!
//! Not copies of the statements are explained, but the statements themselves are run, on
//! tables that are large enough for Postgres to choose as it would in production, and its own
//! count of sequential scans is compared before and after.

use super::{
    backend::{Server, connect},
    scene::{RULES, Scene, ann, call, end, fence, reply, result, with_key},
};
use crate::world::id;
use copilot_core::{
    id::UserId,
    port::store::{Files, HandBack, Page, RaiseIf, Store},
    session::{MessagePage, NewSession},
    turn::TurnStatus,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// 40,000 sessions of 400 users; each with an ended turn, its messages, parts and a call.
const CROWD: &[&str] = &[
    "INSERT INTO sessions (id, user_id, title, turn_count, created_at, updated_at) \
     SELECT gen_random_uuid(), 'user-' || n % 400, 'title', 1, n, n FROM generate_series(1, 40000) n",
    "INSERT INTO turns (id, session_id, user_id, caller_key, number, status, attempt, lost_attempts, \
     steps, durable_attempt, durable_unit, answer_id, message_id, request, usage, created_at, started_at, \
     deadline_at, finished_at) \
     SELECT gen_random_uuid(), id, user_id, user_id, 1, 'completed', 1, 0, 1, 1, 1000, gen_random_uuid(), \
     gen_random_uuid(), '{}', '{}', created_at, created_at, created_at, created_at FROM sessions",
    "INSERT INTO messages (id, session_id, turn_id, sequence, role, content, created_at) \
     SELECT gen_random_uuid(), session_id, id, 1048576 + place, 'assistant', 'words', created_at \
     FROM turns CROSS JOIN generate_series(0, 1) place",
    "INSERT INTO turn_parts (turn_id, attempt, unit, payload) SELECT id, 1, 1000, '[]' FROM turns",
    "INSERT INTO tool_calls (turn_id, step, call_index, call_id, name, arguments, effect, outcome) \
     SELECT id, 1, 0, 'call', 'search_docs', '{}', 'pure', '{\"output\":1}' FROM turns",
    "ANALYZE",
];

const LARGE: &str = "SELECT relname, seq_scan FROM pg_stat_user_tables \
     WHERE relname IN ('sessions', 'turns', 'messages', 'turn_parts', 'tool_calls')";

/// Counts sequential scans of one connection's statements.
struct Scans {
    db: DatabaseConnection,
    before: BTreeMap<String, i64>,
    found: Vec<String>,
}

impl Scans {
    async fn count(db: &DatabaseConnection) -> BTreeMap<String, i64> {
        let ask = |sql: &str| Statement::from_string(sea_orm::DbBackend::Postgres, sql);
        let flush = ask("SELECT 1 AS done FROM (SELECT pg_stat_force_next_flush()) f");
        db.query_one_raw(flush).await.unwrap();
        let rows = db.query_all_raw(ask(LARGE)).await.unwrap();
        rows.iter()
            .map(|row| {
                (
                    row.try_get("", "relname").unwrap(),
                    row.try_get("", "seq_scan").unwrap(),
                )
            })
            .collect()
    }

    async fn of(db: &DatabaseConnection) -> Self {
        Self {
            db: db.clone(),
            before: Self::count(db).await,
            found: Vec::new(),
        }
    }

    /// What `method` has read from end to end since the last call.
    async fn note(&mut self, method: &str) {
        let now = Self::count(&self.db).await;
        for (table, scans) in &now {
            if *scans > self.before[table] {
                self.found.push(format!("{method} scans {table}"));
            }
        }
        self.before = now;
    }
}

#[tokio::test]
async fn every_hot_query_is_on_an_index() {
    let Some(server) = Server::of_environment() else {
        return;
    };
    let name = server.create_database().await;
    // One connection for all statements, so that its counts are all counts.
    let subject = connect(&server.url_of(&name), 2).await;
    let db = subject.store.database().connection().clone();
    for statement in CROWD {
        db.execute_unprepared(statement).await.unwrap();
    }
    let scene = Scene::of(&subject).await;
    let mut scans = Scans::of(&db).await;

    run_all(&scene, &mut scans).await;

    let found = std::mem::take(&mut scans.found);
    drop((scans, db));
    subject.store.database().close().await.unwrap();
    server.drop_database(&name).await;
    assert!(found.is_empty(), "{found:#?}");
}

async fn run_all(scene: &Scene, scans: &mut Scans) {
    let Scene {
        store,
        session,
        executor,
    } = scene;
    let (session, executor) = (*session, *executor);
    let page = Page {
        limit: 50,
        offset: 0,
    };
    as_clients_do(store, scene, scans, page).await;

    let turn = scene.running().await;
    scans.note("accept, claim").await;
    store
        .heartbeat(executor, super::scene::LEASE)
        .await
        .unwrap();
    scans.note("heartbeat").await;
    store.groundwork(&turn).await.unwrap();
    scans.note("groundwork").await;
    let first = call(1, 0);
    store
        .commit_reply(fence(&turn), reply(&turn, 1, 1, 10, vec![first.clone()]))
        .await
        .unwrap();
    scans.note("commit_reply").await;
    store
        .commit_result(fence(&turn), result(&turn, &first, 20, Vec::new()))
        .await
        .unwrap();
    scans.note("commit_result").await;
    store.recorded(turn.key()).await.unwrap();
    store.states(&[turn.id]).await.unwrap();
    scans.note("recorded, states").await;
    store
        .hand_back(fence(&turn), HandBack::InOrder)
        .await
        .unwrap();
    scans.note("hand_back").await;
    let again = store
        .claim_waiting(executor, 10, Duration::ZERO, RULES, &|_| {})
        .await
        .unwrap();
    scans.note("claim_waiting").await;
    store
        .commit_end(fence(&again[0]), end(&again[0], TurnStatus::Completed))
        .await
        .unwrap();
    scans.note("commit_end").await;
    store.next_waiting(turn.key()).await.unwrap();
    scans.note("next_waiting").await;
    store.streams_finished(&[turn.id]).await.unwrap();
    store.unfinished_streams(100).await.unwrap();
    scans.note("streams_finished, unfinished_streams").await;

    let cancelled = scene.queued().await;
    store
        .request_cancel(&ann(), session, Some(cancelled.id))
        .await
        .unwrap();
    scans.note("request_cancel").await;
    store
        .closable(3, Duration::ZERO, Duration::ZERO, 100)
        .await
        .unwrap();
    scans.note("closable").await;
    store.raise(cancelled.id, RaiseIf::Cancelled).await.unwrap();
    scans.note("raise").await;
    store
        .delete_session(&ann(), session, Files::Delete)
        .await
        .unwrap();
    scans.note("delete_session").await;
    store.purge(Duration::ZERO, 10).await.unwrap();
    scans.note("purge").await;
    store.expire(Duration::from_hours(1), 50).await.unwrap();
    scans.note("expire").await;
}

async fn as_clients_do(store: &Arc<dyn Store>, scene: &Scene, scans: &mut Scans, page: Page) {
    let user = UserId::new("user-7");
    store
        .create_session(NewSession {
            id: id(),
            owner: ann(),
            client_id: Some("chat".to_owned()),
        })
        .await
        .unwrap();
    scans.note("create_session").await;
    store.list_sessions(&user, page).await.unwrap();
    scans.note("list_sessions").await;
    store.find_session(&ann(), scene.session).await.unwrap();
    scans.note("find_session").await;
    store.find_client_session(&user, "chat").await.unwrap();
    scans.note("find_client_session").await;
    store
        .accept(&ann(), scene.session, with_key("key", "digest"))
        .await
        .unwrap();
    scans.note("accept with a key").await;
    let read = MessagePage {
        limit: Some(50),
        ..MessagePage::default()
    };
    store.snapshot(&ann(), scene.session, read).await.unwrap();
    scans.note("snapshot").await;
    store.list_turns(&ann(), scene.session, page).await.unwrap();
    store.active_turn(&ann(), scene.session).await.unwrap();
    scans.note("list_turns, active_turn").await;
    store
        .rename_session(&ann(), scene.session, "title")
        .await
        .unwrap();
    store.probe().await.unwrap();
    scans.note("rename_session, probe").await;
    let waiting = store
        .active_turn(&ann(), scene.session)
        .await
        .unwrap()
        .flatten();
    let waiting = waiting.expect("the turn that was accepted with a key");
    let claimed = scene.claim(waiting.id).await.expect("it waits alone");
    scene.end(&claimed, TurnStatus::Completed).await;
    scans.note("find_turn, claim, commit_end").await;
}
