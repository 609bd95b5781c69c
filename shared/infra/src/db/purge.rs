//! Rows of deleted sessions go, a bounded number at a time.

use super::{
    failure::Failure,
    names::millis,
    rows::{CountRow, IdRow},
    store::{Link, SqlStore},
};
use copilot_core::{id::SessionId, message::TURN_SPAN};
use sea_orm::FromQueryResult;
use std::time::Duration;
use uuid::Uuid;

/// One call removes at most this many turns with all that is theirs: the only writer of a
/// SQLite file must not be held for long. What is left goes with the next call.
const MAX_TURNS: i64 = 500;

#[derive(FromQueryResult)]
struct Slice {
    turns: i64,
    last: Option<i64>,
}

impl SqlStore {
    pub(super) async fn purge_deleted(
        &self,
        age: Duration,
        limit: u32,
    ) -> Result<Vec<SessionId>, Failure> {
        if self.nothing_deleted(age).await? {
            return Ok(Vec::new());
        }
        let tx = self.begin().await?;
        let sql = format!(
            "SELECT s.id FROM sessions s WHERE s.deleted_at IS NOT NULL AND s.deleted_at <= {now} - $1 \
             ORDER BY s.deleted_at LIMIT $2 {lock}",
            now = tx.dialect.now(),
            lock = tx.dialect.lock_free_rows("s"),
        );
        let sessions = tx
            .all::<IdRow>(sql, [millis(age).into(), i64::from(limit).into()])
            .await?;
        let mut left = MAX_TURNS;
        let mut gone = Vec::new();
        for session in sessions {
            let slice = oldest_turns(&tx, session.id, left).await?;
            if let Some(last) = slice.last {
                remove_turns(&tx, session.id, last).await?;
            }
            left -= slice.turns;
            if left <= 0 {
                break;
            }
            remove_session(&tx, session.id).await?;
            gone.push(session.id.into());
        }
        tx.commit().await?;
        Ok(gone)
    }

    /// Asked by a reader first: most of the time there is nothing to write.
    async fn nothing_deleted(&self, age: Duration) -> Result<bool, Failure> {
        let link = self.read().await?;
        let sql = format!(
            "SELECT COUNT(*) AS n FROM (SELECT id FROM sessions \
             WHERE deleted_at IS NOT NULL AND deleted_at <= {now} - $1 LIMIT 1) AS due",
            now = link.dialect.now(),
        );
        let due = link.one::<CountRow>(sql, [millis(age).into()]).await?;
        Ok(due.is_none_or(|due| due.n == 0))
    }
}

async fn oldest_turns(tx: &Link, session: Uuid, at_most: i64) -> Result<Slice, Failure> {
    tx.one::<Slice>(
        "SELECT COUNT(*) AS turns, MAX(number) AS last FROM \
         (SELECT number FROM turns WHERE session_id = $1 ORDER BY number LIMIT $2) AS slice",
        [session.into(), at_most.into()],
    )
    .await?
    .ok_or_else(|| Failure::Data("no row from a count".to_owned()))
}

async fn remove_turns(tx: &Link, session: Uuid, last: i64) -> Result<(), Failure> {
    for table in ["turn_parts", "tool_calls"] {
        let sql = format!(
            "DELETE FROM {table} WHERE turn_id IN (SELECT id FROM turns WHERE session_id = $1 AND number <= $2)"
        );
        tx.execute(sql, [session.into(), last.into()]).await?;
    }
    let end = (last + 1) * TURN_SPAN;
    tx.execute(
        "DELETE FROM messages WHERE session_id = $1 AND sequence < $2",
        [session.into(), end.into()],
    )
    .await?;
    tx.execute(
        "DELETE FROM turns WHERE session_id = $1 AND number <= $2",
        [session.into(), last.into()],
    )
    .await?;
    Ok(())
}

/// Files that are to stay lose their session, the others go with it.
async fn remove_session(tx: &Link, session: Uuid) -> Result<(), Failure> {
    tx.execute(
        "DELETE FROM files WHERE session_id = $1 \
         AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = files.session_id AND s.keep_files)",
        [session.into()],
    )
    .await?;
    tx.execute(
        "UPDATE files SET session_id = NULL WHERE session_id = $1",
        [session.into()],
    )
    .await?;
    tx.execute(
        "DELETE FROM messages WHERE session_id = $1",
        [session.into()],
    )
    .await?;
    tx.execute("DELETE FROM sessions WHERE id = $1", [session.into()])
        .await?;
    Ok(())
}
