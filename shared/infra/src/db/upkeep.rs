//! What the look does for turns that nobody else looks after.

use super::{
    entity::turns,
    failure::Failure,
    names::millis,
    records::{id_values, placeholders},
    rows::{KeyRow, parts_of, place_after, unfinished_calls},
    sql::{LOST_ATTEMPTS, SESSION_STANDS, TURN, held},
    store::{Link, SqlStore},
};
use async_trait::async_trait;
use copilot_core::{
    id::{SessionId, TurnId},
    message::TURN_SPAN,
    port::{
        PortError,
        store::{CloseCause, RaiseIf, Raised, TurnUpkeep},
    },
    turn::{Turn, TurnKey},
};
use sea_orm::{FromQueryResult, Value};
use std::time::Duration;
use uuid::Uuid;

#[async_trait]
impl TurnUpkeep for SqlStore {
    async fn closable(
        &self,
        max_attempts: u32,
        cancel_wait: Duration,
        overdue_grace: Duration,
        limit: u32,
    ) -> Result<Vec<(TurnKey, CloseCause)>, PortError> {
        self.find_closable(max_attempts, cancel_wait, overdue_grace, limit)
            .await
            .map_err(|failure| failure.doing("find turns to end"))
    }

    async fn raise(&self, turn: TurnId, when: RaiseIf) -> Result<Option<Raised>, PortError> {
        self.raise_attempt(turn, when)
            .await
            .map_err(|failure| failure.doing("raise an attempt"))
    }

    async fn streams_finished(&self, turns: &[TurnId]) -> Result<(), PortError> {
        self.clear_ended_owners(turns)
            .await
            .map_err(|failure| failure.doing("note ended streams"))
    }

    async fn unfinished_streams(&self, limit: u32) -> Result<Vec<TurnKey>, PortError> {
        self.find_unfinished_streams(limit)
            .await
            .map_err(|failure| failure.doing("find unfinished streams"))
    }

    async fn expire(&self, age: Duration, limit: u32) -> Result<Vec<SessionId>, PortError> {
        self.expire_untouched(age, limit)
            .await
            .map_err(|failure| failure.doing("expire sessions"))
    }

    async fn purge(&self, age: Duration, limit: u32) -> Result<Vec<SessionId>, PortError> {
        self.purge_deleted(age, limit)
            .await
            .map_err(|failure| failure.doing("purge deleted sessions"))
    }
}

#[derive(FromQueryResult)]
struct ClosableRow {
    id: Uuid,
    session_id: Uuid,
    cause: i64,
}

impl From<ClosableRow> for (TurnKey, CloseCause) {
    fn from(row: ClosableRow) -> Self {
        let cause = match row.cause {
            1 => CloseCause::Cancelled,
            2 => CloseCause::AttemptsExhausted,
            _ => CloseCause::Overdue,
        };
        (
            TurnKey {
                session_id: row.session_id.into(),
                turn_id: row.id.into(),
            },
            cause,
        )
    }
}

#[derive(FromQueryResult)]
struct NewestRow {
    newest: Option<i64>,
}

impl SqlStore {
    async fn find_closable(
        &self,
        max_attempts: u32,
        cancel_wait: Duration,
        overdue_grace: Duration,
        limit: u32,
    ) -> Result<Vec<(TurnKey, CloseCause)>, Failure> {
        let link = self.read().await?;
        let sql = format!(
            "SELECT id, session_id, cause FROM ( \
             SELECT t.id, t.session_id, t.created_at, CAST(1 AS bigint) AS cause FROM turns t \
             WHERE t.cancel_requested_at IS NOT NULL AND t.finished_at IS NULL AND {SESSION_STANDS} \
             AND (NOT {held} OR t.cancel_requested_at <= {now} - $2) \
             UNION ALL \
             SELECT t.id, t.session_id, t.created_at, \
             CAST(CASE WHEN {exhausted} THEN 2 ELSE 3 END AS bigint) AS cause FROM turns t \
             WHERE t.status = 'running' AND t.finished_at IS NULL AND {SESSION_STANDS} \
             AND t.cancel_requested_at IS NULL AND ({exhausted} OR t.deadline_at <= {now} - $3) \
             ) AS closable ORDER BY created_at, id LIMIT $4",
            now = link.dialect.now(),
            held = held(link.dialect),
            exhausted = exhausted(&held(link.dialect), "$1"),
        );
        let values = [
            i64::from(max_attempts).into(),
            millis(cancel_wait).into(),
            millis(overdue_grace).into(),
            i64::from(limit).into(),
        ];
        Ok(link
            .all::<ClosableRow>(sql, values)
            .await?
            .into_iter()
            .map(Into::into)
            .collect())
    }

    async fn raise_attempt(&self, turn: TurnId, when: RaiseIf) -> Result<Option<Raised>, Failure> {
        let tx = self.begin().await?;
        let held = held(tx.dialect);
        let (condition, bound): (String, Value) = match when {
            RaiseIf::CancelledAndUnheld => (
                format!("t.cancel_requested_at IS NOT NULL AND NOT {held} AND $2 = 0"),
                0_i64.into(),
            ),
            RaiseIf::Cancelled => (
                "t.cancel_requested_at IS NOT NULL AND $2 = 0".to_owned(),
                0_i64.into(),
            ),
            RaiseIf::AttemptsExhausted { max_attempts } => (
                format!("t.status = 'running' AND {}", exhausted(&held, "$2")),
                i64::from(max_attempts).into(),
            ),
            RaiseIf::Overdue { grace } => (
                format!(
                    "t.status = 'running' AND t.deadline_at <= {now} - $2",
                    now = tx.dialect.now()
                ),
                millis(grace).into(),
            ),
        };
        // What a dead owner lost is kept with the turn: if nobody ends it after this, it is
        // found again as used up as it was.
        let sql = format!(
            "UPDATE turns AS t SET attempt = t.attempt + 1, owner = NULL, \
             lost_attempts = CASE WHEN {held} THEN t.lost_attempts ELSE {LOST_ATTEMPTS} END \
             WHERE t.id = $1 AND t.finished_at IS NULL AND {SESSION_STANDS} AND {condition} RETURNING {TURN}"
        );
        let Some(row) = tx
            .one::<turns::Model>(sql, [turn.uuid().into(), bound])
            .await?
        else {
            tx.rollback().await?;
            return Ok(None);
        };
        let turn = Turn::try_from(row)?;
        let raised = Raised {
            parts: parts_of(&tx, &turn).await?,
            unfinished: unfinished_calls(&tx, &turn).await?,
            next_place: next_place(&tx, &turn).await?,
            turn,
        };
        tx.commit().await?;
        Ok(Some(raised))
    }

    /// Rows that somebody else has locked are being cleared by them.
    async fn clear_ended_owners(&self, turns: &[TurnId]) -> Result<(), Failure> {
        if turns.is_empty() {
            return Ok(());
        }
        let link = self.write().await?;
        let sql = format!(
            "UPDATE turns SET owner = NULL WHERE id IN ( \
             SELECT o.id FROM turns o WHERE o.id IN ({ids}) \
             AND o.owner IS NOT NULL AND o.finished_at IS NOT NULL {lock})",
            ids = placeholders(turns.len()),
            lock = link.dialect.lock_free_rows("o"),
        );
        link.execute(sql, id_values(turns)).await?;
        Ok(())
    }

    async fn find_unfinished_streams(&self, limit: u32) -> Result<Vec<TurnKey>, Failure> {
        let link = self.read().await?;
        let sql = format!(
            "SELECT t.id, t.session_id FROM turns t \
             WHERE t.owner IS NOT NULL AND t.finished_at IS NOT NULL AND NOT {held} AND {SESSION_STANDS} \
             ORDER BY t.finished_at, t.id LIMIT $1",
            held = held(link.dialect),
        );
        let rows = link.all::<KeyRow>(sql, [i64::from(limit).into()]).await?;
        Ok(rows.into_iter().map(TurnKey::from).collect())
    }
}

/// Nobody works on it, and it has lost as many attempts in a row as it may.
fn exhausted(held: &str, max_attempts: &str) -> String {
    format!("(NOT {held} AND {LOST_ATTEMPTS} >= {max_attempts})")
}

async fn next_place(tx: &Link, turn: &Turn) -> Result<u32, Failure> {
    let newest = tx
        .one::<NewestRow>(
            "SELECT MAX(sequence) AS newest FROM messages \
             WHERE session_id = $1 AND sequence >= $2 AND sequence < $3",
            [
                turn.session_id.uuid().into(),
                (turn.number * TURN_SPAN).into(),
                ((turn.number + 1) * TURN_SPAN).into(),
            ],
        )
        .await?;
    place_after(newest.and_then(|row| row.newest), turn.number)
}
