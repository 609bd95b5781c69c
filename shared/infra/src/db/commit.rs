//! Fenced writes of a turn's work: durable points, the end, the hand-back.
//!
//! Each begins with one `UPDATE` of the turn that holds the whole fence; if it changes
//! nothing, nothing else is written. All of it may be repeated: values are absolute, rows
//! that are there stay, and a point that lies before the stored one was stored before.

use super::{
    failure::Failure,
    names::to_json,
    rows::{end_columns, insert_calls, insert_messages, insert_parts, touch_session},
    sql::SESSION_STANDS,
    store::{Link, SqlStore},
};
use copilot_core::port::store::{Commit, EndCommit, Fence, HandBack, ReplyCommit, ResultCommit};
use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

/// The turn is this attempt's: parameters 1 to 3.
const FENCE: &str = "t.id = $1 AND t.session_id = $2 AND t.attempt = $3";

/// Stands for the owner of a turn that was ended by force: none ever has its lease, so the
/// look sees that its stream may not have ended until somebody says that it has.
const FORCED: Uuid = Uuid::nil();

/// What a turn's row tells those that write beside it.
#[derive(FromQueryResult)]
struct Passed {
    number: i64,
    steps: i64,
    at: i64,
}

/// Where a turn stands that did not pass.
#[derive(FromQueryResult)]
struct Standing {
    status: String,
    owned: i64,
}

impl SqlStore {
    pub(super) async fn store_reply(
        &self,
        fence: Fence,
        reply: ReplyCommit,
    ) -> Result<Commit, Failure> {
        let (attempt, unit) = end_columns(&reply.parts)?;
        let tx = self.begin().await?;
        let sql = format!(
            "UPDATE turns AS t SET steps = $6, usage = $7, {point} WHERE {pass} RETURNING {passed}",
            point = durable_point(),
            pass = pass_for_work(),
            passed = passed(&tx),
        );
        let values = fence_and(
            fence,
            [
                attempt.into(),
                unit.into(),
                i64::from(reply.step).into(),
                to_json(&reply.usage)?.into(),
            ],
        );
        let Some(passed) = tx.one::<Passed>(sql, values).await? else {
            return refused_work(tx, fence).await;
        };
        insert_messages(
            &tx,
            fence.key,
            passed.number,
            passed.at,
            vec![reply.message],
        )
        .await?;
        insert_calls(&tx, fence.key.turn_id, reply.calls).await?;
        insert_parts(&tx, fence.key.turn_id, &reply.parts).await?;
        tx.commit().await?;
        Ok(Commit::Done)
    }

    pub(super) async fn store_result(
        &self,
        fence: Fence,
        result: ResultCommit,
    ) -> Result<Commit, Failure> {
        let (attempt, unit) = end_columns(&result.parts)?;
        let tx = self.begin().await?;
        let sql = format!(
            "UPDATE turns AS t SET {point} WHERE {pass} RETURNING {passed}",
            point = durable_point(),
            pass = pass_for_work(),
            passed = passed(&tx),
        );
        let values = fence_and(fence, [attempt.into(), unit.into()]);
        let Some(passed) = tx.one::<Passed>(sql, values).await? else {
            return refused_work(tx, fence).await;
        };
        let done = tx
            .execute(
                "UPDATE tool_calls SET outcome = $4 WHERE turn_id = $1 AND step = $2 AND call_id = $3 \
                 AND (outcome IS NULL OR outcome = $4)",
                [
                    fence.key.turn_id.uuid().into(),
                    passed.steps.into(),
                    result.call_id.as_str().into(),
                    to_json(&result.outcome)?.into(),
                ],
            )
            .await?;
        if done == 0 {
            tx.rollback().await?;
            return Err(Failure::Data(format!(
                "no pending call {} in this step",
                result.call_id
            )));
        }
        insert_messages(&tx, fence.key, passed.number, passed.at, result.messages).await?;
        insert_parts(&tx, fence.key.turn_id, &result.parts).await?;
        tx.commit().await?;
        Ok(Commit::Done)
    }

    /// The session comes first, as in every transaction that takes both; what was touched is
    /// rolled back if the fence refuses.
    pub(super) async fn store_end(&self, fence: Fence, end: EndCommit) -> Result<Commit, Failure> {
        if !end.status.is_terminal() {
            return Err(Failure::Data(format!(
                "a turn does not end as {}",
                end.status.as_str()
            )));
        }
        let (attempt, unit) = end_columns(&end.parts)?;
        let tx = self.begin().await?;
        if !touch_session(&tx, fence.key.session_id.uuid()).await? {
            tx.rollback().await?;
            return Ok(Commit::Fenced);
        }
        let sql = format!(
            "UPDATE turns AS t SET status = $6, steps = $7, finish_reason = $8, usage = $9, error = $10, \
             owner = COALESCE(t.owner, $11), finished_at = {now}, \
             durable_attempt = COALESCE($4, t.durable_attempt), \
             durable_unit = COALESCE($5, t.durable_unit) \
             WHERE {FENCE} AND t.finished_at IS NULL RETURNING {passed}",
            now = tx.dialect.now(),
            passed = passed(&tx),
        );
        let values = fence_and(
            fence,
            [
                attempt.into(),
                unit.into(),
                end.status.as_str().into(),
                i64::from(end.steps).into(),
                end.finish_reason.as_str().into(),
                to_json(&end.usage)?.into(),
                end.error.as_ref().map(to_json).transpose()?.into(),
                FORCED.into(),
            ],
        );
        let Some(passed) = tx.one::<Passed>(sql, values).await? else {
            return refused_end(tx, fence).await;
        };
        insert_messages(&tx, fence.key, passed.number, passed.at, end.messages).await?;
        insert_parts(&tx, fence.key.turn_id, &end.parts).await?;
        tx.commit().await?;
        Ok(Commit::Done)
    }

    pub(super) async fn clear_owner(&self, fence: Fence, why: HandBack) -> Result<Commit, Failure> {
        let lost: i64 = match why {
            HandBack::InOrder => 0,
            HandBack::Lost => 1,
        };
        let tx = self.begin().await?;
        let sql = format!(
            "UPDATE turns AS t SET owner = NULL, lost_attempts = t.lost_attempts + $4 \
             WHERE {FENCE} AND t.status = 'running' AND t.owner IS NOT NULL AND {SESSION_STANDS}"
        );
        if tx.execute(sql, fence_and(fence, [lost.into()])).await? > 0 {
            tx.commit().await?;
            return Ok(Commit::Done);
        }
        let standing = standing(&tx, fence).await?;
        tx.rollback().await?;
        Ok(match standing {
            Some(Standing { status, owned: 0 }) if status == "running" => Commit::Done,
            Some(_) | None => Commit::Fenced,
        })
    }
}

/// Parameters 4 and 5 are where the new parts end; null if there are none.
const fn durable_point() -> &'static str {
    "lost_attempts = 0, \
     durable_attempt = COALESCE($4, t.durable_attempt), \
     durable_unit = COALESCE($5, t.durable_unit)"
}

/// The fence of a durable point, which never goes back behind a later one.
fn pass_for_work() -> String {
    format!(
        "{FENCE} AND t.status = 'running' AND {SESSION_STANDS} \
         AND ($4 IS NULL OR t.durable_attempt < $4 OR (t.durable_attempt = $4 AND t.durable_unit <= $5))"
    )
}

fn passed(tx: &Link) -> String {
    format!("number, steps, {now} AS at", now = tx.dialect.now())
}

fn fence_values(fence: Fence) -> [Value; 3] {
    [
        fence.key.turn_id.uuid().into(),
        fence.key.session_id.uuid().into(),
        i64::from(fence.attempt).into(),
    ]
}

fn fence_and<const N: usize>(fence: Fence, more: [Value; N]) -> Vec<Value> {
    fence_values(fence).into_iter().chain(more).collect()
}

/// Where the turn stands, if it is still this attempt's.
async fn standing(tx: &Link, fence: Fence) -> Result<Option<Standing>, Failure> {
    let sql = format!(
        "SELECT t.status, CAST(CASE WHEN t.owner IS NULL THEN 0 ELSE 1 END AS bigint) AS owned \
         FROM turns t WHERE {FENCE} AND {SESSION_STANDS}"
    );
    Ok(tx.one(sql, fence_values(fence)).await?)
}

/// A durable point did not pass: the turn is another's, or a later point is stored already.
async fn refused_work(tx: Link, fence: Fence) -> Result<Commit, Failure> {
    let standing = standing(&tx, fence).await?;
    tx.rollback().await?;
    Ok(match standing {
        Some(standing) if standing.status == "running" => Commit::Done,
        Some(_) | None => Commit::Fenced,
    })
}

/// An end did not pass: the turn is another's, or this attempt has ended it before. Nobody
/// else can have: who ends a turn that is not its own raises the attempt.
async fn refused_end(tx: Link, fence: Fence) -> Result<Commit, Failure> {
    let standing = standing(&tx, fence).await?;
    tx.rollback().await?;
    Ok(if standing.is_some() {
        Commit::Done
    } else {
        Commit::Fenced
    })
}
