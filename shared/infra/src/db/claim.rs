//! The claim: who works on a turn is decided by one statement.

use super::{
    dialect::Dialect,
    entity::turns,
    failure::Failure,
    names::millis,
    rows::{touch_locked_session, touch_session_of},
    sql::{FIRST_IN_SESSION, LOST_ATTEMPTS, SESSION_STANDS, TURN, good_lease, held},
    store::{Link, SqlStore},
};
use copilot_core::{
    id::{ExecutorId, TurnId},
    port::store::ClaimRules,
    turn::{Turn, TurnKey},
};
use sea_orm::FromQueryResult;
use std::time::Duration;
use uuid::Uuid;

/// What an executor finds in the table by itself.
#[derive(Clone, Copy)]
pub(super) struct Search {
    pub(super) free: u32,
    pub(super) hint_grace: Duration,
    pub(super) rules: ClaimRules,
}

impl SqlStore {
    /// The session's row is changed, and so locked, first: claim, end, cancel and delete take
    /// their locks in one order. If nothing is claimed the change is taken back.
    pub(super) async fn claim_one(
        &self,
        executor: ExecutorId,
        turn: TurnId,
        rules: ClaimRules,
    ) -> Result<Option<Turn>, Failure> {
        let tx = self.begin().await?;
        touch_session_of(&tx, turn).await?;
        let claimed = claim(&tx, executor, turn, rules)
            .await
            .or_else(none_if_belted)?;
        let Some(row) = claimed else {
            tx.rollback().await?;
            return Ok(None);
        };
        // Before the commit: a row that cannot be read is not claimed.
        let turn = row.try_into()?;
        tx.commit().await?;
        Ok(Some(turn))
    }

    pub(super) async fn claim_found(
        &self,
        executor: ExecutorId,
        search: Search,
        found: &(dyn Fn(TurnKey) + Send + Sync),
    ) -> Result<Vec<Turn>, Failure> {
        if search.free == 0 {
            return Ok(Vec::new());
        }
        let tx = self.begin().await?;
        let mut claimed = Vec::new();
        for candidate in candidates(&tx, search).await? {
            let key = candidate.key();
            found(key);
            if let Some(row) = claim(&tx, executor, key.turn_id, search.rules).await? {
                touch_locked_session(&tx, row.session_id).await?;
                match Turn::try_from(row) {
                    Ok(turn) => claimed.push(turn),
                    // Handed back by the heartbeat; the others go on.
                    Err(failure) => {
                        tracing::error!(turn_id = %key.turn_id, %failure, "a turn that cannot be read");
                    }
                }
            }
        }
        if claimed.is_empty() {
            tx.rollback().await?;
        } else {
            tx.commit().await?;
        }
        Ok(claimed)
    }
}

/// The claim statement. `lost_attempts` on the right-hand side is the old value, as is all.
async fn claim(
    tx: &Link,
    executor: ExecutorId,
    turn: TurnId,
    rules: ClaimRules,
) -> Result<Option<turns::Model>, Failure> {
    let sql = format!(
        "UPDATE turns AS t SET status = 'running', attempt = t.attempt + 1, owner = $2, \
         lost_attempts = {LOST_ATTEMPTS}, \
         started_at = COALESCE(t.started_at, {now}), \
         deadline_at = COALESCE(t.deadline_at, {now} + $3) \
         WHERE t.id = $1 AND t.finished_at IS NULL AND {lease} AND {SESSION_STANDS} \
         AND ({waiting} OR {abandoned}) \
         RETURNING {TURN}",
        now = tx.dialect.now(),
        lease = good_lease(tx.dialect, "$2"),
        waiting = waiting("$4"),
        abandoned = abandoned(tx.dialect, "$5"),
    );
    let values = [
        turn.uuid().into(),
        executor.uuid().into(),
        millis(rules.timeout).into(),
        i64::from(rules.max_running).into(),
        i64::from(rules.max_attempts).into(),
    ];
    Ok(tx.one(sql, values).await?)
}

/// (a) Queued, first in its session, and its caller below the cap: a count, not a lock. One
/// that was cancelled while it waited never starts; whoever cancelled it, or the look, ends it.
fn waiting(max_running: &str) -> String {
    format!(
        "(t.status = 'queued' AND t.cancel_requested_at IS NULL AND {FIRST_IN_SESSION} AND {max_running} > \
         (SELECT COUNT(*) FROM turns r \
          WHERE r.caller_key = t.caller_key AND r.status = 'running' AND r.finished_at IS NULL))"
    )
}

/// (b) Running without a live owner, with attempts left.
fn abandoned(dialect: Dialect, max_attempts: &str) -> String {
    format!(
        "(t.status = 'running' AND NOT {held} AND {LOST_ATTEMPTS} < {max_attempts})",
        held = held(dialect),
    )
}

/// A turn that may be claimed.
#[derive(FromQueryResult)]
struct Candidate {
    id: Uuid,
    session_id: Uuid,
    created_at: i64,
}

impl Candidate {
    fn key(&self) -> TurnKey {
        TurnKey {
            session_id: self.session_id.into(),
            turn_id: self.id.into(),
        }
    }
}

/// Turns that may be claimed, oldest first. Each kind is read in the order of its index and
/// no further than needed, however long the backlog is.
async fn candidates(tx: &Link, search: Search) -> Result<Vec<Candidate>, Failure> {
    let free = i64::from(search.free);
    let waiting = format!(
        "t.status = 'queued' AND t.created_at <= {now} - $1 AND {waiting}",
        now = tx.dialect.now(),
        waiting = waiting("$2"),
    );
    let values = [
        millis(search.hint_grace).into(),
        i64::from(search.rules.max_running).into(),
        free.into(),
    ];
    let mut found = tx
        .all::<Candidate>(select(tx, &waiting, "$3"), values)
        .await?;
    let abandoned = format!("t.status = 'running' AND {}", abandoned(tx.dialect, "$1"));
    let values = [i64::from(search.rules.max_attempts).into(), free.into()];
    found.extend(
        tx.all::<Candidate>(select(tx, &abandoned, "$2"), values)
            .await?,
    );
    found.sort_by_key(|candidate| (candidate.created_at, candidate.id));
    found.truncate(usize::try_from(search.free).unwrap_or(usize::MAX));
    Ok(found)
}

/// On Postgres the sessions are locked, and those that somebody else has locked are passed
/// over: they are being worked on.
fn select(tx: &Link, condition: &str, limit: &str) -> String {
    format!(
        "SELECT t.id, t.session_id, t.created_at FROM turns t JOIN sessions s ON s.id = t.session_id \
         WHERE t.finished_at IS NULL AND s.deleted_at IS NULL AND {condition} \
         ORDER BY t.created_at, t.id LIMIT {limit} {lock}",
        lock = tx.dialect.lock_free_rows("s"),
    )
}

/// The unique index on turns at work spoke: somebody else works in this session.
fn none_if_belted(failure: Failure) -> Result<Option<turns::Model>, Failure> {
    if failure.is_conflict() {
        Ok(None)
    } else {
        Err(failure)
    }
}
