//! Leases of executors, by the database's clock.

use super::{failure::Failure, names::millis, names::number, sql::good_lease, store::SqlStore};
use copilot_core::{
    id::ExecutorId,
    port::store::{Lease, OwnedTurn},
    turn::TurnKey,
};
use sea_orm::FromQueryResult;
use uuid::Uuid;

/// The end of a lease that does not end: far beyond every clock.
const NEVER: i64 = i64::MAX / 2;

/// Rows of leases that ended so long ago are forgotten; without a row a lease is no better.
const FORGET_AFTER_MILLIS: i64 = 3_600_000;

/// A turn that is mine, if there is one.
#[derive(FromQueryResult)]
struct OwnedRow {
    turn_id: Option<Uuid>,
    session_id: Option<Uuid>,
    attempt: Option<i64>,
    cancel_requested_at: Option<i64>,
}

impl SqlStore {
    pub(super) async fn make_lease(
        &self,
        executor: ExecutorId,
        lease: Lease,
    ) -> Result<(), Failure> {
        let tx = self.begin().await?;
        let now = tx.dialect.now();
        let expires_at = match lease {
            Lease::For(time) => {
                tx.execute(
                    format!("DELETE FROM executors WHERE expires_at < {now} - $1"),
                    [FORGET_AFTER_MILLIS.into()],
                )
                .await?;
                format!("{now} + {time}", time = millis(time))
            }
            Lease::Process => {
                tx.execute("DELETE FROM executors", []).await?;
                NEVER.to_string()
            }
        };
        let sql = format!("INSERT INTO executors (id, expires_at) VALUES ($1, {expires_at})");
        tx.execute(sql, [executor.uuid().into()]).await?;
        Ok(tx.commit().await?)
    }

    /// Renewing comes before reading: what the rows tell is never older than the lease.
    pub(super) async fn renew_lease(
        &self,
        executor: ExecutorId,
        lease: Lease,
    ) -> Result<Option<Vec<OwnedTurn>>, Failure> {
        let link = self.beat().await?;
        if let Lease::For(time) = lease {
            let sql = format!(
                "UPDATE executors SET expires_at = {now} + $2 WHERE id = $1 AND expires_at > {now}",
                now = link.dialect.now(),
            );
            let renewed = link
                .execute(sql, [executor.uuid().into(), millis(time).into()])
                .await?;
            if renewed == 0 {
                return Ok(None);
            }
        }
        let sql = format!(
            "SELECT t.id AS turn_id, t.session_id, t.attempt, t.cancel_requested_at \
             FROM executors x LEFT JOIN turns t ON t.owner = x.id AND t.finished_at IS NULL \
             WHERE x.id = $1 AND {good}",
            good = good_lease(link.dialect, "$1"),
        );
        let rows = link.all::<OwnedRow>(sql, [executor.uuid().into()]).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        rows.iter()
            .filter_map(owned)
            .collect::<Result<Vec<_>, _>>()
            .map(Some)
    }

    pub(super) async fn drop_lease(&self, executor: ExecutorId) -> Result<(), Failure> {
        self.write()
            .await?
            .execute(
                "DELETE FROM executors WHERE id = $1",
                [executor.uuid().into()],
            )
            .await?;
        Ok(())
    }
}

/// A lease without turns is one row without a turn.
fn owned(row: &OwnedRow) -> Option<Result<OwnedTurn, Failure>> {
    let key = TurnKey {
        session_id: row.session_id?.into(),
        turn_id: row.turn_id?.into(),
    };
    Some(number(row.attempt?).map(|attempt| OwnedTurn {
        key,
        attempt,
        cancel_requested: row.cancel_requested_at.is_some(),
    }))
}
