//! What the tests of the store arrange, in short words.

use super::backend::Subject;
use crate::world::{entry, id};
use copilot_core::{
    event::Entry,
    id::{ExecutorId, SessionId, TurnId, UserId},
    ledger::{CallOutcome, Effect, LedgerCall},
    message::{NewMessage, Role, ToolCall},
    port::store::{
        Acceptance, ClaimRules, Commit, EndCommit, Fence, HandBack, Lease, ReplyCommit,
        ResultCommit, Store,
    },
    position::{Attempt, Position},
    session::{NewSession, Owner},
    turn::{
        Caps, FinishReason, IdempotencyKey, NewTurn, OnBusy, Turn, TurnKey, TurnRequest,
        TurnStatus, Usage,
    },
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

pub(crate) const RULES: ClaimRules = ClaimRules {
    max_running: 5,
    max_attempts: 3,
    timeout: Duration::from_hours(1),
};

pub(crate) const LEASE: Lease = Lease::For(Duration::from_mins(10));

pub(crate) fn ann() -> Owner {
    Owner::User(UserId::new("ann"))
}

pub(crate) fn bob() -> Owner {
    Owner::User(UserId::new("bob"))
}

/// A store with a session of Ann's and an executor.
pub(crate) struct Scene {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) session: SessionId,
    pub(crate) executor: ExecutorId,
}

impl Scene {
    pub(crate) async fn of(subject: &Subject) -> Self {
        let store = subject.port();
        let session = session_of(&store, &ann()).await;
        let executor = executor(&store).await;
        Self {
            store,
            session,
            executor,
        }
    }

    /// A turn of Ann's session that waits.
    pub(crate) async fn queued(&self) -> Turn {
        accepted(&self.store, &ann(), self.session, new_turn()).await
    }

    /// A turn of Ann's session that the executor works on.
    pub(crate) async fn running(&self) -> Turn {
        let turn = self.queued().await;
        self.claim(turn.id)
            .await
            .expect("a turn that waits alone can be claimed")
    }

    pub(crate) async fn claim(&self, turn: TurnId) -> Option<Turn> {
        self.store.claim(self.executor, turn, RULES).await.unwrap()
    }

    /// The turn as it is now.
    pub(crate) async fn turn(&self, turn: &Turn) -> Turn {
        self.store
            .find_turn(&ann(), turn.key())
            .await
            .unwrap()
            .expect("the turn is there")
    }

    pub(crate) async fn end(&self, turn: &Turn, status: TurnStatus) -> Commit {
        self.store
            .commit_end(fence(turn), end(turn, status))
            .await
            .unwrap()
    }

    /// An executor dies with its lease and comes back with another.
    pub(crate) async fn lose_lease(&mut self) {
        self.store.unregister(self.executor).await.unwrap();
        self.executor = executor(&self.store).await;
    }

    pub(crate) async fn hand_back(&self, turn: &Turn, why: HandBack) -> Commit {
        self.store.hand_back(fence(turn), why).await.unwrap()
    }
}

pub(crate) async fn session_of(store: &Arc<dyn Store>, owner: &Owner) -> SessionId {
    let new = NewSession {
        id: id(),
        owner: owner.clone(),
        client_id: None,
    };
    store.create_session(new).await.unwrap().id
}

pub(crate) async fn executor(store: &Arc<dyn Store>) -> ExecutorId {
    let executor = id();
    store.register(executor, LEASE).await.unwrap();
    executor
}

pub(crate) async fn accepted(
    store: &Arc<dyn Store>,
    owner: &Owner,
    session: SessionId,
    turn: NewTurn,
) -> Turn {
    match store.accept(owner, session, turn).await.unwrap() {
        Acceptance::Begun { turn, .. } => turn,
        other => panic!("not accepted: {other:?}"),
    }
}

pub(crate) fn new_turn() -> NewTurn {
    NewTurn {
        id: id(),
        message_id: id(),
        answer_id: id(),
        content: "hello".to_owned(),
        request: TurnRequest::default(),
        idempotency: None,
        on_busy: OnBusy::Queue,
        caps: Caps {
            running: 5,
            in_flight: 15,
        },
    }
}

pub(crate) fn with_key(key: &str, digest: &str) -> NewTurn {
    let idempotency = Some(IdempotencyKey {
        key: key.to_owned(),
        digest: digest.to_owned(),
    });
    NewTurn {
        idempotency,
        ..new_turn()
    }
}

pub(crate) const fn fence(turn: &Turn) -> Fence {
    Fence {
        key: turn.key(),
        attempt: turn.attempt,
    }
}

pub(crate) fn call(step: u32, index: u32) -> LedgerCall {
    LedgerCall {
        call: ToolCall {
            id: format!("call-{step}-{index}"),
            name: "search_docs".to_owned(),
            arguments: "{}".to_owned(),
        },
        index,
        step,
        effect: Effect::Once,
        outcome: None,
    }
}

/// A reply of one message at `place`, and one entry at `unit` of the turn's attempt.
pub(crate) fn reply(
    turn: &Turn,
    step: u32,
    place: u32,
    unit: u64,
    calls: Vec<LedgerCall>,
) -> ReplyCommit {
    let mut message = NewMessage::text(id(), place, Role::Assistant, format!("reply {step}"));
    message.tool_calls = calls.iter().map(|call| call.call.clone()).collect();
    ReplyCommit {
        step,
        message,
        calls,
        usage: Usage {
            total_tokens: u64::from(step) * 10,
            ..Usage::default()
        },
        parts: vec![entry(turn.attempt, unit)],
    }
}

pub(crate) fn result(
    turn: &Turn,
    call: &LedgerCall,
    unit: u64,
    messages: Vec<NewMessage>,
) -> ResultCommit {
    ResultCommit {
        call_id: call.call.id.clone(),
        outcome: CallOutcome::Output(json!({"found": [1, 2], "n": call.index})),
        messages,
        parts: vec![entry(turn.attempt, unit)],
    }
}

pub(crate) fn end(turn: &Turn, status: TurnStatus) -> EndCommit {
    EndCommit {
        status,
        steps: turn.steps + 1,
        finish_reason: FinishReason::Stop,
        usage: Usage {
            total_tokens: 99,
            ..Usage::default()
        },
        error: None,
        messages: vec![NewMessage::text(id(), 1_000, Role::Assistant, "the end")],
        parts: vec![entry(turn.attempt, 1_000)],
    }
}

pub(crate) fn ends_of(parts: &[Entry]) -> Vec<(Attempt, u64)> {
    parts
        .iter()
        .map(|part| (part.position.attempt, part.position.unit))
        .collect()
}

pub(crate) const fn at(attempt: Attempt, unit: u64) -> Position {
    Position::new(attempt, unit)
}

/// The turn's parts as they are stored.
pub(crate) async fn stored_parts(store: &Arc<dyn Store>, key: TurnKey) -> Vec<(Attempt, u64)> {
    ends_of(
        &store
            .recorded(key)
            .await
            .unwrap()
            .expect("the turn is there")
            .parts,
    )
}

/// A moment, for the database's clock to move on.
pub(crate) async fn moment() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}
