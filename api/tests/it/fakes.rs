//! Ports as a test wants them.

use async_trait::async_trait;
use chrono::DateTime;
use copilot_api::{ApiConfig, ApiMetrics, ApiParts, ApiState, Authenticator};
use copilot_core::{
    clock::Timestamp,
    event::{Entry, Event},
    id::{ExecutorId, SessionId, SystemIds, TurnId, UserId},
    port::{
        PortError,
        cancel::{CancelBus, CancelNotices},
        queue::{Deliveries, Hint, TurnQueue},
        store::{
            Acceptance, CancelRequest, ClaimRules, CloseCause, Commit, EndCommit, Exchanges, Fence,
            Files, Groundwork, HandBack, Lease, Listed, OwnedTurn, Page, RaiseIf, Raised, Recorded,
            ReplyCommit, ResultCommit, SessionStore, TurnIntake, TurnRecords, TurnState,
            TurnUpkeep, TurnWork,
        },
        stream::{Append, Appended, Begun, Live, LiveFeed, LiveStatus, TurnStreams},
        turn_ends::Unheard,
    },
    position::{Attempt, Position},
    service::{closing::Closer, watch::Watch},
    session::{MessagePage, NewSession, Owner, Session, SessionSnapshot, SessionStatus},
    turn::{NewTurn, Turn, TurnKey, TurnRequest, TurnStatus, Usage},
};
use copilot_runtime::{metrics::Registry, tracking::Tracker};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// What the store knows and what it was asked.
#[derive(Default)]
pub(crate) struct FakeStore {
    /// Answers of `accept`, one by one; then every turn begins.
    pub(crate) acceptances: Mutex<Vec<Acceptance>>,
    /// What `accept` was given.
    pub(crate) accepted: Mutex<Vec<NewTurn>>,
    /// Turns with their parts.
    pub(crate) turns: Mutex<Vec<Recorded>>,
    /// Sessions that were made.
    pub(crate) sessions: Mutex<Vec<Session>>,
    /// Calls of `probe`.
    pub(crate) probes: AtomicUsize,
    /// Whether the database is away.
    pub(crate) away: std::sync::atomic::AtomicBool,
}

impl FakeStore {
    fn up(&self) -> Result<(), PortError> {
        if self.away.load(Ordering::Relaxed) {
            Err(PortError::unavailable(
                "read the secret table",
                "connection to 10.0.0.1 refused",
            ))
        } else {
            Ok(())
        }
    }

    fn recorded_turn(&self, turn: TurnId) -> Option<Recorded> {
        self.turns
            .lock()
            .unwrap()
            .iter()
            .find(|known| known.turn.id == turn)
            .cloned()
    }
}

/// A session's id that everything here belongs to.
pub(crate) fn session_id() -> SessionId {
    Uuid::from_u128(1).into()
}

/// A turn's id.
pub(crate) fn turn_id(n: u128) -> TurnId {
    Uuid::from_u128(n).into()
}

fn epoch() -> Timestamp {
    DateTime::UNIX_EPOCH
}

/// A turn of [`session_id`].
pub(crate) fn turn(n: u128, status: TurnStatus) -> Turn {
    Turn {
        id: turn_id(n),
        session_id: session_id(),
        user_id: Some(UserId::new("local")),
        number: 1,
        status,
        attempt: 1,
        owner: None,
        lost_attempts: 0,
        steps: 0,
        durable: Position::ZERO,
        cancel_requested: false,
        answer_id: Uuid::from_u128(9).into(),
        request: TurnRequest::default(),
        finish_reason: None,
        usage: Usage::default(),
        error: None,
        created_at: epoch(),
        started_at: None,
        deadline_at: None,
        finished_at: None,
    }
}

/// A turn with these events behind its opening.
pub(crate) fn recorded(n: u128, status: TurnStatus, events: Vec<Event>) -> Recorded {
    let turn = turn(n, status);
    let mut parts = turn.opening();
    let mut unit = 0;
    for event in events {
        unit += event.units();
        parts.push(Entry::new(Position::new(1, unit), event));
    }
    Recorded { turn, parts }
}

fn session(id: SessionId, owner: &Owner, client_id: Option<String>) -> Session {
    Session {
        id,
        client_id,
        user_id: owner.user().cloned(),
        title: None,
        created_at: epoch(),
        updated_at: epoch(),
        status: SessionStatus::Idle,
    }
}

#[async_trait]
impl SessionStore for FakeStore {
    async fn create_session(&self, new: NewSession) -> Result<Session, PortError> {
        self.up()?;
        let made = session(new.id, &new.owner, new.client_id);
        self.sessions.lock().unwrap().push(made.clone());
        Ok(made)
    }

    async fn list_sessions(&self, _: &UserId, page: Page) -> Result<Listed<Session>, PortError> {
        self.up()?;
        let sessions = self.sessions.lock().unwrap();
        let items = sessions
            .iter()
            .skip(page.offset as usize)
            .take(page.limit as usize)
            .cloned()
            .collect();
        Ok(Listed {
            items,
            total: sessions.len() as u64,
        })
    }

    async fn find_session(&self, _: &Owner, _: SessionId) -> Result<Option<Session>, PortError> {
        unreachable!()
    }

    async fn find_client_session(
        &self,
        _: &UserId,
        id: &str,
    ) -> Result<Option<Session>, PortError> {
        let sessions = self.sessions.lock().unwrap();
        Ok(sessions
            .iter()
            .find(|session| session.client_id.as_deref() == Some(id))
            .cloned())
    }

    async fn snapshot(
        &self,
        _: &Owner,
        _: SessionId,
        _: MessagePage,
    ) -> Result<Option<SessionSnapshot>, PortError> {
        self.up()?;
        Ok(None)
    }

    async fn rename_session(
        &self,
        _: &Owner,
        id: SessionId,
        _: &str,
    ) -> Result<Option<()>, PortError> {
        Ok((id == session_id()).then_some(()))
    }

    async fn claim_session(&self, _: &UserId, id: SessionId) -> Result<Option<()>, PortError> {
        Ok((id == session_id()).then_some(()))
    }

    async fn delete_session(
        &self,
        _: &Owner,
        id: SessionId,
        _: Files,
    ) -> Result<Option<Vec<Turn>>, PortError> {
        Ok((id == session_id()).then(Vec::new))
    }

    async fn probe(&self) -> Result<(), PortError> {
        self.probes.fetch_add(1, Ordering::Relaxed);
        self.up()
    }
}

#[async_trait]
impl TurnIntake for FakeStore {
    async fn accept(&self, _: &Owner, _: SessionId, new: NewTurn) -> Result<Acceptance, PortError> {
        self.up()?;
        let id = new.id;
        self.accepted.lock().unwrap().push(new);
        if let Some(acceptance) = self.acceptances.lock().unwrap().pop() {
            return Ok(acceptance);
        }
        let turn = Turn {
            id,
            ..turn(0, TurnStatus::Queued)
        };
        self.turns.lock().unwrap().push(Recorded {
            parts: turn.opening(),
            turn: turn.clone(),
        });
        Ok(Acceptance::Begun {
            turn,
            interrupted: Vec::new(),
        })
    }

    async fn request_cancel(
        &self,
        _: &Owner,
        session: SessionId,
        turn: Option<TurnId>,
    ) -> Result<CancelRequest, PortError> {
        if session != session_id() {
            return Ok(CancelRequest::NotFound);
        }
        let found = turn.and_then(|turn| self.recorded_turn(turn));
        Ok(match (turn, found) {
            (Some(_), Some(recorded)) => CancelRequest::Ended(recorded.turn),
            (Some(_), None) => CancelRequest::NotFound,
            (None, _) => CancelRequest::Marked(Vec::new()),
        })
    }
}

#[async_trait]
impl TurnRecords for FakeStore {
    async fn find_turn(&self, _: &Owner, key: TurnKey) -> Result<Option<Turn>, PortError> {
        Ok(self
            .recorded_turn(key.turn_id)
            .map(|known| known.turn)
            .filter(|turn| turn.key() == key))
    }

    async fn list_turns(
        &self,
        _: &Owner,
        id: SessionId,
        _: Page,
    ) -> Result<Option<Listed<Turn>>, PortError> {
        let items: Vec<Turn> = self
            .turns
            .lock()
            .unwrap()
            .iter()
            .map(|known| known.turn.clone())
            .collect();
        let total = items.len() as u64;
        Ok((id == session_id()).then_some(Listed { items, total }))
    }

    async fn active_turn(
        &self,
        _: &Owner,
        id: SessionId,
    ) -> Result<Option<Option<Turn>>, PortError> {
        let turns = self.turns.lock().unwrap();
        let active = turns.iter().find(|known| !known.turn.status.is_terminal());
        let is_known = self
            .sessions
            .lock()
            .unwrap()
            .iter()
            .any(|session| session.id == id);
        Ok((is_known || id == session_id()).then(|| active.map(|known| known.turn.clone())))
    }

    async fn recorded(&self, key: TurnKey) -> Result<Option<Recorded>, PortError> {
        Ok(self.recorded_turn(key.turn_id))
    }

    async fn exchanges(
        &self,
        _: &Owner,
        _: SessionId,
        _: MessagePage,
    ) -> Result<Option<Exchanges>, PortError> {
        unreachable!()
    }

    async fn states(&self, _: &[TurnId]) -> Result<Vec<TurnState>, PortError> {
        self.up()?;
        Ok(Vec::new())
    }
}

#[async_trait]
impl TurnWork for FakeStore {
    async fn register(&self, _: ExecutorId, _: Lease) -> Result<(), PortError> {
        unreachable!()
    }

    async fn heartbeat(
        &self,
        _: ExecutorId,
        _: Lease,
    ) -> Result<Option<Vec<OwnedTurn>>, PortError> {
        unreachable!()
    }

    async fn unregister(&self, _: ExecutorId) -> Result<(), PortError> {
        unreachable!()
    }

    async fn claim(
        &self,
        _: ExecutorId,
        _: TurnId,
        _: ClaimRules,
    ) -> Result<Option<Turn>, PortError> {
        unreachable!()
    }

    async fn claim_waiting(
        &self,
        _: ExecutorId,
        _: u32,
        _: Duration,
        _: ClaimRules,
        _: &(dyn Fn(TurnKey) + Send + Sync),
    ) -> Result<Vec<Turn>, PortError> {
        unreachable!()
    }

    async fn groundwork(&self, _: &Turn) -> Result<Option<Groundwork>, PortError> {
        unreachable!()
    }

    async fn commit_reply(&self, _: Fence, _: ReplyCommit) -> Result<Commit, PortError> {
        unreachable!()
    }

    async fn commit_result(&self, _: Fence, _: ResultCommit) -> Result<Commit, PortError> {
        unreachable!()
    }

    async fn commit_end(&self, _: Fence, _: EndCommit) -> Result<Commit, PortError> {
        unreachable!()
    }

    async fn hand_back(&self, _: Fence, _: HandBack) -> Result<Commit, PortError> {
        unreachable!()
    }

    async fn name_session(&self, _: SessionId, _: &str) -> Result<bool, PortError> {
        unreachable!()
    }

    async fn next_waiting(&self, _: TurnKey) -> Result<Option<TurnKey>, PortError> {
        unreachable!()
    }
}

#[async_trait]
impl TurnUpkeep for FakeStore {
    async fn closable(
        &self,
        _: u32,
        _: Duration,
        _: Duration,
        _: u32,
    ) -> Result<Vec<(TurnKey, CloseCause)>, PortError> {
        unreachable!()
    }

    async fn raise(&self, _: TurnId, _: RaiseIf) -> Result<Option<Raised>, PortError> {
        unreachable!()
    }

    async fn streams_finished(&self, _: &[TurnId]) -> Result<(), PortError> {
        unreachable!()
    }

    async fn unfinished_streams(&self, _: u32) -> Result<Vec<TurnKey>, PortError> {
        unreachable!()
    }

    async fn expire(&self, _: Duration, _: u32) -> Result<Vec<SessionId>, PortError> {
        unreachable!()
    }

    async fn purge(&self, _: Duration, _: u32) -> Result<Vec<SessionId>, PortError> {
        unreachable!()
    }
}

/// Streams that are not there, queues that take everything.
struct Silence;

#[async_trait]
impl TurnStreams for Silence {
    async fn begin(&self, _: TurnKey, _: Attempt) -> Result<Begun, PortError> {
        Ok(Begun::Fenced)
    }

    async fn append(&self, _: TurnKey, _: Append) -> Result<Appended, PortError> {
        Ok(Appended::Fenced)
    }

    async fn finish(&self, _: TurnKey, _: Append) -> Result<Appended, PortError> {
        Ok(Appended::Fenced)
    }

    async fn publish(&self, _: TurnKey, _: Event) -> Result<(), PortError> {
        Ok(())
    }

    async fn read(&self, _: TurnKey, _: Position) -> Result<Option<Vec<Arc<Entry>>>, PortError> {
        Ok(None)
    }

    async fn status(&self, _: TurnKey) -> Result<Option<LiveStatus>, PortError> {
        Ok(None)
    }

    async fn statuses(&self, turns: &[TurnKey]) -> Result<Vec<Option<LiveStatus>>, PortError> {
        Ok(vec![None; turns.len()])
    }

    async fn follow(&self, _: TurnKey) -> Result<Box<dyn LiveFeed>, PortError> {
        Ok(Box::new(Self))
    }

    async fn keep_alive(&self, _: &[TurnKey]) -> Result<(), PortError> {
        Ok(())
    }

    async fn bury(&self, _: TurnKey, _: Append) -> Result<(), PortError> {
        Ok(())
    }
}

#[async_trait]
impl LiveFeed for Silence {
    async fn next(&mut self) -> Live {
        std::future::pending().await
    }
}

#[async_trait]
impl TurnQueue for Silence {
    async fn publish(&self, _: Hint) -> Result<(), PortError> {
        Ok(())
    }

    async fn consume(&self, _: u16) -> Result<Box<dyn Deliveries>, PortError> {
        unreachable!()
    }
}

#[async_trait]
impl CancelBus for Silence {
    async fn publish(&self, _: TurnKey) -> Result<(), PortError> {
        Ok(())
    }

    async fn listen(&self) -> Result<Box<dyn CancelNotices>, PortError> {
        unreachable!()
    }
}

/// A server's state over a played store.
pub(crate) fn state(store: &Arc<FakeStore>, config: ApiConfig) -> Arc<ApiState> {
    let (ids, streams) = (Arc::new(SystemIds), Arc::new(Silence));
    let closer = Closer::new(
        Arc::<FakeStore>::clone(store),
        Arc::<Silence>::clone(&streams),
        Arc::<SystemIds>::clone(&ids),
        Arc::new(Unheard),
    );
    ApiState::new(ApiParts {
        store: Arc::<FakeStore>::clone(store),
        watch: Watch::new(Arc::<FakeStore>::clone(store), closer, Arc::new(())),
        streams,
        queue: Arc::new(Silence),
        cancels: Arc::new(Silence),
        ids,
        ready_parts: Vec::new(),
        ends: Arc::new(Unheard),
        metrics: ApiMetrics::register(&mut Registry::default()),
        tracker: Tracker::default(),
        auth: Authenticator::default(),
        config,
        tasks: TaskTracker::new(),
    })
}
