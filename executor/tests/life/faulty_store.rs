//! The real store, as one process reaches it.

use crate::{
    faults::{Faults, What, When},
    log::Log,
};
use async_trait::async_trait;
use copilot_core::{
    id::{ExecutorId, SessionId, TurnId, UserId},
    port::{
        PortError,
        store::{
            Acceptance, CancelRequest, ClaimRules, CloseCause, Commit, EndCommit, Exchanges, Fence,
            Files, Groundwork, HandBack, Lease, Listed, OwnedTurn, Page, RaiseIf, Raised, Recorded,
            ReplyCommit, ResultCommit, SessionStore, TurnIntake, TurnRecords, TurnState,
            TurnUpkeep, TurnWork,
        },
    },
    session::{MessagePage, NewSession, Owner, Session, SessionSnapshot},
    turn::{NewTurn, Turn, TurnKey},
};
use copilot_infra::db::SqlStore;
use std::{sync::Arc, time::Duration};

pub(crate) struct FaultyStore {
    pub(crate) inner: Arc<SqlStore>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) log: Arc<Log>,
}

impl FaultyStore {
    async fn through<T>(
        &self,
        what: What,
        call: impl Future<Output = Result<T, PortError>>,
        tell: impl FnOnce(&T) -> Option<String>,
    ) -> Result<T, PortError> {
        self.faults.pass(what, When::Before).await?;
        let answer = {
            let _busy = self.faults.database.read().await;
            call.await
        };
        match &answer {
            Ok(answer) => {
                if let Some(told) = tell(answer) {
                    self.log.note(&self.faults.name, format!("{what:?} {told}"));
                }
            }
            Err(error) => self.log.note(
                &self.faults.name,
                format!("{what:?} failed: {error}: {}", error.source),
            ),
        }
        self.faults.pass(what, When::After).await?;
        answer
    }

    fn fence(&self, fence: Fence) -> String {
        format!(
            "{} attempt {}",
            self.log.name_of(fence.key.turn_id),
            fence.attempt
        )
    }

    fn turn(&self, turn: &Turn) -> String {
        let name = self.log.name_of(turn.id);
        format!(
            "{name} attempt {} lost {} steps {} durable {}",
            turn.attempt, turn.lost_attempts, turn.steps, turn.durable
        )
    }
}

const fn nothing<T>(_: &T) -> Option<String> {
    None
}

#[async_trait]
impl SessionStore for FaultyStore {
    async fn create_session(&self, session: NewSession) -> Result<Session, PortError> {
        self.through(What::Session, self.inner.create_session(session), nothing)
            .await
    }

    async fn list_sessions(&self, user: &UserId, page: Page) -> Result<Listed<Session>, PortError> {
        self.through(What::Session, self.inner.list_sessions(user, page), nothing)
            .await
    }

    async fn find_session(
        &self,
        owner: &Owner,
        id: SessionId,
    ) -> Result<Option<Session>, PortError> {
        self.through(What::Session, self.inner.find_session(owner, id), nothing)
            .await
    }

    async fn find_client_session(
        &self,
        user: &UserId,
        client_id: &str,
    ) -> Result<Option<Session>, PortError> {
        self.through(
            What::Session,
            self.inner.find_client_session(user, client_id),
            nothing,
        )
        .await
    }

    async fn snapshot(
        &self,
        owner: &Owner,
        id: SessionId,
        page: MessagePage,
    ) -> Result<Option<SessionSnapshot>, PortError> {
        self.through(What::Session, self.inner.snapshot(owner, id, page), nothing)
            .await
    }

    async fn claim_session(&self, user: &UserId, id: SessionId) -> Result<Option<()>, PortError> {
        self.through(What::Session, self.inner.claim_session(user, id), nothing)
            .await
    }

    async fn rename_session(
        &self,
        owner: &Owner,
        id: SessionId,
        title: &str,
    ) -> Result<Option<()>, PortError> {
        self.through(
            What::Session,
            self.inner.rename_session(owner, id, title),
            nothing,
        )
        .await
    }

    async fn delete_session(
        &self,
        owner: &Owner,
        id: SessionId,
        files: Files,
    ) -> Result<Option<Vec<Turn>>, PortError> {
        let tell = |turns: &Option<Vec<Turn>>| {
            let turns = turns
                .iter()
                .flatten()
                .map(|turn| self.turn(turn))
                .collect::<Vec<_>>();
            Some(format!("deleted {}", turns.join(", ")))
        };
        self.through(
            What::Session,
            self.inner.delete_session(owner, id, files),
            tell,
        )
        .await
    }

    async fn probe(&self) -> Result<(), PortError> {
        self.through(What::Session, self.inner.probe(), nothing)
            .await
    }
}

#[async_trait]
impl TurnIntake for FaultyStore {
    async fn accept(
        &self,
        owner: &Owner,
        session: SessionId,
        turn: NewTurn,
    ) -> Result<Acceptance, PortError> {
        self.through(
            What::Intake,
            self.inner.accept(owner, session, turn),
            nothing,
        )
        .await
    }

    async fn request_cancel(
        &self,
        owner: &Owner,
        session: SessionId,
        turn: Option<TurnId>,
    ) -> Result<CancelRequest, PortError> {
        let tell = |request: &CancelRequest| {
            Some(match request {
                CancelRequest::NotFound => "not found".to_owned(),
                CancelRequest::Marked(turns) => {
                    let names: Vec<_> =
                        turns.iter().map(|turn| self.log.name_of(turn.id)).collect();
                    format!("marked {}", names.join(", "))
                }
                CancelRequest::Ended(turn) => format!("{} had ended", self.log.name_of(turn.id)),
            })
        };
        self.through(
            What::Intake,
            self.inner.request_cancel(owner, session, turn),
            tell,
        )
        .await
    }
}

#[async_trait]
impl TurnRecords for FaultyStore {
    async fn find_turn(&self, owner: &Owner, key: TurnKey) -> Result<Option<Turn>, PortError> {
        self.through(What::States, self.inner.find_turn(owner, key), nothing)
            .await
    }

    async fn list_turns(
        &self,
        owner: &Owner,
        session: SessionId,
        page: Page,
    ) -> Result<Option<Listed<Turn>>, PortError> {
        self.through(
            What::States,
            self.inner.list_turns(owner, session, page),
            nothing,
        )
        .await
    }

    async fn active_turn(
        &self,
        owner: &Owner,
        session: SessionId,
    ) -> Result<Option<Option<Turn>>, PortError> {
        self.through(
            What::States,
            self.inner.active_turn(owner, session),
            nothing,
        )
        .await
    }

    async fn recorded(&self, key: TurnKey) -> Result<Option<Recorded>, PortError> {
        self.through(What::Recorded, self.inner.recorded(key), nothing)
            .await
    }

    async fn exchanges(
        &self,
        owner: &Owner,
        session: SessionId,
        page: MessagePage,
    ) -> Result<Option<Exchanges>, PortError> {
        self.inner.exchanges(owner, session, page).await
    }

    async fn states(&self, turns: &[TurnId]) -> Result<Vec<TurnState>, PortError> {
        self.through(What::States, self.inner.states(turns), nothing)
            .await
    }
}

#[async_trait]
impl TurnWork for FaultyStore {
    async fn register(&self, executor: ExecutorId, lease: Lease) -> Result<(), PortError> {
        let tell = |(): &()| Some(executor.to_string());
        self.through(What::Register, self.inner.register(executor, lease), tell)
            .await
    }

    async fn heartbeat(
        &self,
        executor: ExecutorId,
        lease: Lease,
    ) -> Result<Option<Vec<OwnedTurn>>, PortError> {
        let tell =
            |owned: &Option<Vec<OwnedTurn>>| owned.is_none().then(|| "lease lost".to_owned());
        self.through(What::Heartbeat, self.inner.heartbeat(executor, lease), tell)
            .await
    }

    async fn unregister(&self, executor: ExecutorId) -> Result<(), PortError> {
        let tell = |(): &()| Some(executor.to_string());
        self.through(What::Unregister, self.inner.unregister(executor), tell)
            .await
    }

    async fn claim(
        &self,
        executor: ExecutorId,
        turn: TurnId,
        rules: ClaimRules,
    ) -> Result<Option<Turn>, PortError> {
        let tell = |claimed: &Option<Turn>| {
            Some(claimed.as_ref().map_or_else(
                || format!("{} refused", self.log.name_of(turn)),
                |turn| format!("{} by {executor}", self.turn(turn)),
            ))
        };
        self.through(What::Claim, self.inner.claim(executor, turn, rules), tell)
            .await
    }

    async fn claim_waiting(
        &self,
        executor: ExecutorId,
        free: u32,
        hint_grace: Duration,
        rules: ClaimRules,
        found: &(dyn Fn(TurnKey) + Send + Sync),
    ) -> Result<Vec<Turn>, PortError> {
        let tell = |claimed: &Vec<Turn>| {
            let claimed: Vec<_> = claimed.iter().map(|turn| self.turn(turn)).collect();
            (!claimed.is_empty()).then(|| format!("{} by {executor}", claimed.join(", ")))
        };
        let call = self
            .inner
            .claim_waiting(executor, free, hint_grace, rules, found);
        self.through(What::Look, call, tell).await
    }

    async fn groundwork(&self, claimed: &Turn) -> Result<Option<Groundwork>, PortError> {
        let fence = Fence {
            key: claimed.key(),
            attempt: claimed.attempt,
        };
        let tell = |groundwork: &Option<Groundwork>| {
            groundwork
                .is_none()
                .then(|| format!("{} is not mine", self.fence(fence)))
        };
        self.through(What::Groundwork, self.inner.groundwork(claimed), tell)
            .await
    }

    async fn commit_reply(&self, fence: Fence, reply: ReplyCommit) -> Result<Commit, PortError> {
        let tell = |commit: &Commit| Some(format!("{} {commit:?}", self.fence(fence)));
        self.through(What::Reply, self.inner.commit_reply(fence, reply), tell)
            .await
    }

    async fn commit_result(&self, fence: Fence, result: ResultCommit) -> Result<Commit, PortError> {
        let call = result.call_id.clone();
        let tell = |commit: &Commit| Some(format!("{} {call} {commit:?}", self.fence(fence)));
        self.through(What::Result, self.inner.commit_result(fence, result), tell)
            .await
    }

    async fn commit_end(&self, fence: Fence, end: EndCommit) -> Result<Commit, PortError> {
        let status = end.status;
        let tell = |commit: &Commit| Some(format!("{} {status:?} {commit:?}", self.fence(fence)));
        self.through(What::End, self.inner.commit_end(fence, end), tell)
            .await
    }

    async fn hand_back(&self, fence: Fence, why: HandBack) -> Result<Commit, PortError> {
        let tell = |commit: &Commit| Some(format!("{} {why:?} {commit:?}", self.fence(fence)));
        self.through(What::HandBack, self.inner.hand_back(fence, why), tell)
            .await
    }

    async fn name_session(&self, session: SessionId, title: &str) -> Result<bool, PortError> {
        self.through(
            What::NameSession,
            self.inner.name_session(session, title),
            nothing,
        )
        .await
    }

    async fn next_waiting(&self, ended: TurnKey) -> Result<Option<TurnKey>, PortError> {
        self.through(What::NextWaiting, self.inner.next_waiting(ended), nothing)
            .await
    }
}

#[async_trait]
impl TurnUpkeep for FaultyStore {
    async fn closable(
        &self,
        max_attempts: u32,
        cancel_wait: Duration,
        overdue_grace: Duration,
        limit: u32,
    ) -> Result<Vec<(TurnKey, CloseCause)>, PortError> {
        let call = self
            .inner
            .closable(max_attempts, cancel_wait, overdue_grace, limit);
        self.through(What::Closable, call, nothing).await
    }

    async fn raise(&self, turn: TurnId, when: RaiseIf) -> Result<Option<Raised>, PortError> {
        let tell = |raised: &Option<Raised>| {
            raised
                .as_ref()
                .map(|raised| format!("{when:?} {}", self.turn(&raised.turn)))
        };
        self.through(What::Raise, self.inner.raise(turn, when), tell)
            .await
    }

    async fn streams_finished(&self, turns: &[TurnId]) -> Result<(), PortError> {
        self.through(
            What::StreamsFinished,
            self.inner.streams_finished(turns),
            nothing,
        )
        .await
    }

    async fn unfinished_streams(&self, limit: u32) -> Result<Vec<TurnKey>, PortError> {
        self.through(
            What::UnfinishedStreams,
            self.inner.unfinished_streams(limit),
            nothing,
        )
        .await
    }

    async fn expire(&self, age: Duration, limit: u32) -> Result<Vec<SessionId>, PortError> {
        self.through(What::Expire, self.inner.expire(age, limit), nothing)
            .await
    }

    async fn purge(&self, age: Duration, limit: u32) -> Result<Vec<SessionId>, PortError> {
        self.through(What::Purge, self.inner.purge(age, limit), nothing)
            .await
    }
}
