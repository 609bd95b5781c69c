//! What executors do, as the port names it.

use super::{
    claim::Search,
    failure::Failure,
    rows::KeyRow,
    sql::{FIRST_IN_SESSION, SESSION_STANDS},
    store::SqlStore,
};
use async_trait::async_trait;
use copilot_core::{
    id::{ExecutorId, SessionId, TurnId},
    port::{
        PortError,
        store::{
            ClaimRules, Commit, EndCommit, Fence, Groundwork, HandBack, Lease, OwnedTurn,
            ReplyCommit, ResultCommit, TurnWork,
        },
    },
    turn::{Turn, TurnKey},
};
use std::time::Duration;

#[async_trait]
impl TurnWork for SqlStore {
    async fn register(&self, executor: ExecutorId, lease: Lease) -> Result<(), PortError> {
        self.make_lease(executor, lease)
            .await
            .map_err(|failure| failure.doing("make a lease"))
    }

    async fn heartbeat(
        &self,
        executor: ExecutorId,
        lease: Lease,
    ) -> Result<Option<Vec<OwnedTurn>>, PortError> {
        self.renew_lease(executor, lease)
            .await
            .map_err(|failure| failure.doing("renew a lease"))
    }

    async fn unregister(&self, executor: ExecutorId) -> Result<(), PortError> {
        self.drop_lease(executor)
            .await
            .map_err(|failure| failure.doing("give a lease up"))
    }

    async fn claim(
        &self,
        executor: ExecutorId,
        turn: TurnId,
        rules: ClaimRules,
    ) -> Result<Option<Turn>, PortError> {
        self.claim_one(executor, turn, rules)
            .await
            .map_err(|failure| failure.doing("claim a turn"))
    }

    async fn claim_waiting(
        &self,
        executor: ExecutorId,
        free: u32,
        hint_grace: Duration,
        rules: ClaimRules,
        found: &(dyn Fn(TurnKey) + Send + Sync),
    ) -> Result<Vec<Turn>, PortError> {
        let search = Search {
            free,
            hint_grace,
            rules,
        };
        self.claim_found(executor, search, found)
            .await
            .map_err(|failure| failure.doing("claim waiting turns"))
    }

    async fn groundwork(&self, claimed: &Turn) -> Result<Option<Groundwork>, PortError> {
        self.read_groundwork(claimed)
            .await
            .map_err(|failure| failure.doing("read what a turn starts from"))
    }

    async fn commit_reply(&self, fence: Fence, reply: ReplyCommit) -> Result<Commit, PortError> {
        self.store_reply(fence, reply)
            .await
            .map_err(|failure| failure.doing("store a reply"))
    }

    async fn commit_result(&self, fence: Fence, result: ResultCommit) -> Result<Commit, PortError> {
        self.store_result(fence, result)
            .await
            .map_err(|failure| failure.doing("store a tool's result"))
    }

    async fn commit_end(&self, fence: Fence, end: EndCommit) -> Result<Commit, PortError> {
        self.store_end(fence, end)
            .await
            .map_err(|failure| failure.doing("end a turn"))
    }

    async fn hand_back(&self, fence: Fence, why: HandBack) -> Result<Commit, PortError> {
        self.clear_owner(fence, why)
            .await
            .map_err(|failure| failure.doing("hand a turn back"))
    }

    async fn name_session(&self, session: SessionId, title: &str) -> Result<bool, PortError> {
        self.set_missing_title(session, title)
            .await
            .map_err(|failure| failure.doing("name a session"))
    }

    async fn next_waiting(&self, ended: TurnKey) -> Result<Option<TurnKey>, PortError> {
        self.find_next(ended)
            .await
            .map_err(|failure| failure.doing("find the next turn"))
    }
}

impl SqlStore {
    async fn find_next(&self, ended: TurnKey) -> Result<Option<TurnKey>, Failure> {
        // Two searches, each by its own index: a backlog of others' turns costs nothing.
        let waits = format!(
            "t.finished_at IS NULL AND t.status = 'queued' AND t.cancel_requested_at IS NULL \
             AND {FIRST_IN_SESSION} AND {SESSION_STANDS}"
        );
        let sql = format!(
            "SELECT id, session_id FROM ( \
             SELECT t.id, t.session_id, t.created_at, CAST(0 AS bigint) AS rank FROM turns t \
             WHERE t.session_id = $1 AND {waits} \
             UNION ALL \
             SELECT t.id, t.session_id, t.created_at, CAST(1 AS bigint) AS rank FROM turns t \
             WHERE t.caller_key = (SELECT caller_key FROM turns WHERE id = $2) AND {waits} \
             ) AS waiting ORDER BY rank, created_at, id LIMIT 1"
        );
        let values = [ended.session_id.uuid().into(), ended.turn_id.uuid().into()];
        Ok(self
            .read()
            .await?
            .one::<KeyRow>(sql, values)
            .await?
            .map(TurnKey::from))
    }
}
