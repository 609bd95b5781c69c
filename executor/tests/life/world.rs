//! One database with its queue, bus and streams, and those who use it.

use crate::{
    api::Api,
    book::{Book, Script},
    ends::Ends,
    log::Log,
    tools::Effects,
};
use copilot_core::{
    id::{IdSource, SessionId, SystemIds, UserId},
    port::store::{Acceptance, SessionStore, TurnIntake, TurnRecords},
    session::{NewSession, Owner},
    turn::{Caps, NewTurn, OnBusy, Turn, TurnRequest},
};
use copilot_infra::{
    db::{Database, SqlStore},
    in_process::{InProcessCancelBus, InProcessQueue, InProcessStreams},
};
use copilot_migrations::{Migrator, MigratorTrait};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::Instant;

/// Connections of one database.
const CONNECTIONS: u32 = 4;
/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) store: Arc<SqlStore>,
    pub(crate) streams: InProcessStreams,
    pub(crate) queue: InProcessQueue,
    pub(crate) bus: InProcessCancelBus,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) book: Arc<Book>,
    pub(crate) effects: Arc<Effects>,
    pub(crate) log: Arc<Log>,
    pub(crate) ends: Arc<Ends>,
    pub(crate) owner: Owner,
    pub(crate) api: Api,
    /// All turns that were accepted, in order, with their names.
    asked: Mutex<Vec<(String, Turn)>>,
    sessions: Mutex<Vec<SessionId>>,
    _dir: TempDir,
}

impl World {
    pub(crate) async fn new() -> Arc<Self> {
        let dir = TempDir::new().unwrap();
        let url = format!(
            "sqlite://{}?mode=rwc",
            dir.path().join("copilot.db").display()
        );
        let database = Database::connect(&url, CONNECTIONS).await.unwrap();
        Migrator::up(database.connection(), None).await.unwrap();
        let store = Arc::new(SqlStore::new(database));
        let streams = InProcessStreams::default();
        let queue = InProcessQueue::default();
        let bus = InProcessCancelBus::default();
        let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
        let log = Arc::new(Log::default());
        let owner = Owner::User(UserId::new("ada"));
        let ends = Arc::<Ends>::default();
        let api = Api::new(&store, &streams, &bus, &ids, &log, &ends, owner.clone());
        Arc::new(Self {
            store,
            streams,
            queue,
            bus,
            ids,
            book: Arc::default(),
            effects: Arc::default(),
            log,
            ends,
            owner,
            api,
            asked: Mutex::default(),
            sessions: Mutex::default(),
            _dir: dir,
        })
    }

    /// A new session.
    pub(crate) async fn session(&self) -> SessionId {
        let id = self.ids.next().into();
        let session = NewSession {
            id,
            owner: self.owner.clone(),
            client_id: None,
        };
        self.store.create_session(session).await.unwrap();
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(id);
        id
    }

    /// A turn in a session of its own.
    pub(crate) async fn ask(&self, script: Script) -> Turn {
        let session = self.session().await;
        self.ask_in(session, script).await
    }

    /// A further turn of a session, hinted at.
    pub(crate) async fn ask_in(&self, session: SessionId, script: Script) -> Turn {
        let turn = self.accept(session, script, OnBusy::Queue).await;
        copilot_core::port::queue::TurnQueue::publish(&self.queue, (&turn).into())
            .await
            .unwrap();
        turn
    }

    /// A further turn of a session that nobody is told of.
    pub(crate) async fn accept(&self, session: SessionId, script: Script, on_busy: OnBusy) -> Turn {
        let name = {
            let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            let place = sessions.iter().position(|known| *known == session).unwrap();
            format!("s{place}t{}", asked.len())
        };
        self.book.write(&name, script);
        let new = NewTurn {
            id: self.ids.next().into(),
            message_id: self.ids.next().into(),
            answer_id: self.ids.next().into(),
            content: name.clone(),
            request: TurnRequest::default(),
            idempotency: None,
            on_busy,
            caps: Caps {
                running: 8,
                in_flight: 100,
            },
        };
        self.log.name(new.id, &name);
        let accepted = self.store.accept(&self.owner, session, new).await.unwrap();
        let Acceptance::Begun { turn, .. } = accepted else {
            panic!("not accepted: {accepted:?}")
        };
        self.log.note("", format!("accepted {name}"));
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((name, turn.clone()));
        turn
    }

    pub(crate) fn asked(&self) -> Vec<(String, Turn)> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn sessions(&self) -> Vec<SessionId> {
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The row as it is now.
    pub(crate) async fn row(&self, turn: &Turn) -> Turn {
        self.find(turn).await.expect("the turn is there")
    }

    pub(crate) async fn find(&self, turn: &Turn) -> Option<Turn> {
        self.store.find_turn(&self.owner, turn.key()).await.unwrap()
    }

    /// Waits until no executor with a good lease holds the turn.
    pub(crate) async fn unheld(&self, turn: &Turn) {
        self.until("the lease runs out", async || {
            let states = self.store.states(&[turn.id]).await.unwrap();
            states.iter().all(|state| !state.held).then_some(())
        })
        .await;
    }

    /// Waits until the turn has ended.
    pub(crate) async fn ended(&self, turn: &Turn) -> Turn {
        self.until("the turn ends", async || {
            let row = self.row(turn).await;
            row.status.is_terminal().then_some(row)
        })
        .await
    }

    /// Waits until all turns have ended, or their sessions are deleted.
    pub(crate) async fn all_ended(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut waiting = Vec::new();
            for (name, turn) in self.asked() {
                match self.find(&turn).await {
                    Some(row) if !row.status.is_terminal() => {
                        waiting.push(format!("{name}: {row:?}"));
                    }
                    _ => {}
                }
            }
            if waiting.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("stuck: {}", waiting.join("\n")));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits for `what`.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "waited in vain until {what}\n{}",
                self.log.text()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.api.stop.cancel();
    }
}
