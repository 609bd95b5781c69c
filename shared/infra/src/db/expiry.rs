//! Sessions that nobody has touched for long are deleted, as their owner would do it.

use super::{
    failure::Failure,
    names::millis,
    rows::{CountRow, IdRow},
    store::SqlStore,
};
use copilot_core::id::SessionId;
use std::time::Duration;

impl SqlStore {
    /// Whatever touches a session moves `updated_at` in its row: one that is touched while
    /// this waits for the row does not match any more.
    pub(super) async fn expire_untouched(
        &self,
        age: Duration,
        limit: u32,
    ) -> Result<Vec<SessionId>, Failure> {
        if self.nothing_untouched(age).await? {
            return Ok(Vec::new());
        }
        let link = self.write().await?;
        let now = link.dialect.now();
        // Materialised: Postgres may run a bare sub-select once a row, and the limit means nothing.
        let sql = format!(
            "WITH due AS MATERIALIZED ( \
             SELECT s.id FROM sessions s WHERE s.deleted_at IS NULL \
             AND s.updated_at <= (SELECT {now} - $1) AND {IDLE} ORDER BY s.updated_at LIMIT $2 {lock}) \
             UPDATE sessions SET deleted_at = {now}, keep_files = $3, client_id = NULL \
             WHERE deleted_at IS NULL AND updated_at <= {now} - $1 \
             AND id IN (SELECT id FROM due) RETURNING id",
            lock = link.dialect.lock_free_rows("s"),
        );
        let values = [millis(age).into(), i64::from(limit).into(), false.into()];
        let rows = link.all::<IdRow>(sql, values).await?;
        Ok(rows.into_iter().map(|row| row.id.into()).collect())
    }

    /// Asked by a reader first: most of the time there is nothing to write.
    async fn nothing_untouched(&self, age: Duration) -> Result<bool, Failure> {
        let link = self.read().await?;
        let sql = format!(
            "SELECT COUNT(*) AS n FROM (SELECT s.id FROM sessions s \
             WHERE s.deleted_at IS NULL AND s.updated_at <= (SELECT {now} - $1) AND {IDLE} \
             ORDER BY s.updated_at LIMIT 1) AS due",
            now = link.dialect.now(),
        );
        let due = link.one::<CountRow>(sql, [millis(age).into()]).await?;
        Ok(due.is_none_or(|due| due.n == 0))
    }
}

// The bound is a sub-select: a bare volatile clock would keep Postgres off the index.

/// No turn of session `s` is unfinished.
const IDLE: &str =
    "NOT EXISTS (SELECT 1 FROM turns t WHERE t.session_id = s.id AND t.finished_at IS NULL)";
