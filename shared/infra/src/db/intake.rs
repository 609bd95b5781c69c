//! How messages become turns, and turns are asked to stop.

use super::{
    entity::turns,
    failure::Failure,
    names::to_json,
    rows::{IdRow, insert_messages, owner_column, turns_in_order},
    sql::TURN,
    store::{Link, SqlStore},
};
use async_trait::async_trait;
use copilot_core::{
    id::{SessionId, TurnId},
    message::{MessageMetadata, NewMessage, Role},
    port::{
        PortError,
        store::{Acceptance, CancelRequest, TurnIntake},
    },
    session::Owner,
    turn::{NewTurn, OnBusy, OpeningRole, Turn, TurnKey, TurnStatus, Usage},
};
use sea_orm::{EntityTrait, FromQueryResult};
use uuid::Uuid;

#[async_trait]
impl TurnIntake for SqlStore {
    async fn accept(
        &self,
        owner: &Owner,
        session: SessionId,
        turn: NewTurn,
    ) -> Result<Acceptance, PortError> {
        self.accept_turn(owner, session, turn)
            .await
            .map_err(|failure| failure.doing("accept a turn"))
    }

    async fn request_cancel(
        &self,
        owner: &Owner,
        session: SessionId,
        turn: Option<TurnId>,
    ) -> Result<CancelRequest, PortError> {
        self.mark_cancel(owner, session, turn)
            .await
            .map_err(|failure| failure.doing("mark a cancel"))
    }
}

/// The session's row after it has given a number away.
#[derive(FromQueryResult)]
struct Numbered {
    turn_count: i64,
    updated_at: i64,
}

/// What decides whether a turn is taken.
#[derive(FromQueryResult)]
struct Load {
    in_flight: i64,
    busy_with: Option<Uuid>,
}

impl SqlStore {
    /// The number is taken first: it locks the session's row, so that whoever comes at the
    /// same time (a repeat with the same key, too) sees what this one has stored.
    async fn accept_turn(
        &self,
        owner: &Owner,
        session: SessionId,
        new: NewTurn,
    ) -> Result<Acceptance, Failure> {
        let tx = self.begin().await?;
        let caller_key = caller_key(owner, session);
        let Some(numbered) = take_number(&tx, owner, session, &caller_key).await? else {
            tx.rollback().await?;
            return Ok(Acceptance::NoSession);
        };
        if let Some(refusal) = refusal(&tx, session, &caller_key, &new).await? {
            tx.rollback().await?;
            return Ok(refusal);
        }
        let interrupted = match new.on_busy {
            OnBusy::Interrupt => mark_all(&tx, session).await?,
            OnBusy::Queue | OnBusy::Reject => Vec::new(),
        };
        let turn = insert_turn(&tx, owner, session, caller_key, &numbered, new).await?;
        tx.commit().await?;
        Ok(Acceptance::Begun { turn, interrupted })
    }

    async fn mark_cancel(
        &self,
        owner: &Owner,
        session: SessionId,
        turn: Option<TurnId>,
    ) -> Result<CancelRequest, Failure> {
        let tx = self.begin().await?;
        let request = match lock_session(&tx, owner, session).await? {
            None => CancelRequest::NotFound,
            Some(_) => match turn {
                None => CancelRequest::Marked(mark_all(&tx, session).await?),
                Some(turn) => mark_one(&tx, session, turn).await?,
            },
        };
        tx.commit().await?;
        Ok(request)
    }
}

/// Whose turns the caps count together.
fn caller_key(owner: &Owner, session: SessionId) -> String {
    owner
        .user()
        .map_or_else(|| session.to_string(), |user| user.as_str().to_owned())
}

async fn take_number(
    tx: &Link,
    owner: &Owner,
    session: SessionId,
    caller_key: &str,
) -> Result<Option<Numbered>, Failure> {
    // The caller's turns are counted next: nobody else may add to them meanwhile.
    let sql = format!(
        "UPDATE sessions SET turn_count = turn_count + 1, updated_at = {now} \
         WHERE id = $1 AND deleted_at IS NULL AND user_id IS NOT DISTINCT FROM $2 \
         RETURNING turn_count, updated_at, {hold} AS held",
        now = tx.dialect.now(),
        hold = tx.dialect.hold_text("$3"),
    );
    Ok(tx
        .one(
            sql,
            [
                session.uuid().into(),
                owner_column(owner),
                caller_key.into(),
            ],
        )
        .await?)
}

async fn refusal(
    tx: &Link,
    session: SessionId,
    caller_key: &str,
    new: &NewTurn,
) -> Result<Option<Acceptance>, Failure> {
    if let Some(idempotency) = &new.idempotency {
        let sql =
            format!("SELECT {TURN} FROM turns WHERE session_id = $1 AND idempotency_key = $2");
        let values = [session.uuid().into(), idempotency.key.as_str().into()];
        if let Some(row) = tx.one::<turns::Model>(sql, values).await? {
            let same = row.content_digest.as_deref() == Some(idempotency.digest.as_str());
            return Ok(Some(if same {
                Acceptance::Attached(row.try_into()?)
            } else {
                Acceptance::Mismatch
            }));
        }
    }
    let load = tx
        .one::<Load>(
            "SELECT (SELECT COUNT(*) FROM turns WHERE caller_key = $1 AND finished_at IS NULL) AS in_flight, \
             (SELECT id FROM turns WHERE session_id = $2 AND finished_at IS NULL ORDER BY number LIMIT 1) \
             AS busy_with",
            [caller_key.into(), session.uuid().into()],
        )
        .await?
        .ok_or_else(|| Failure::Data("no row from a count".to_owned()))?;
    if load.in_flight >= i64::from(new.caps.in_flight) {
        return Ok(Some(Acceptance::TooMany));
    }
    Ok(match (new.on_busy, load.busy_with) {
        (OnBusy::Reject, Some(turn)) => Some(Acceptance::Busy(turn.into())),
        (OnBusy::Reject, None) | (OnBusy::Queue | OnBusy::Interrupt, _) => None,
    })
}

async fn insert_turn(
    tx: &Link,
    owner: &Owner,
    session: SessionId,
    caller_key: String,
    numbered: &Numbered,
    new: NewTurn,
) -> Result<Turn, Failure> {
    let (idempotency_key, content_digest) = new
        .idempotency
        .map(|idempotency| (idempotency.key, idempotency.digest))
        .unzip();
    let row = turns::Model {
        id: new.id.uuid(),
        session_id: session.uuid(),
        user_id: owner.user().map(|user| user.as_str().to_owned()),
        caller_key,
        number: numbered.turn_count,
        status: TurnStatus::Queued.as_str().to_owned(),
        attempt: 0,
        owner: None,
        lost_attempts: 0,
        steps: 0,
        durable_attempt: 0,
        durable_unit: 0,
        cancel_requested_at: None,
        idempotency_key,
        content_digest,
        answer_id: new.answer_id.uuid(),
        message_id: new.message_id.uuid(),
        request: to_json(&new.request)?,
        finish_reason: None,
        usage: to_json(&Usage::default())?,
        error: None,
        created_at: numbered.updated_at,
        started_at: None,
        deadline_at: None,
        finished_at: None,
    };
    let mut turn = Turn::try_from(row.clone())?;
    turn.durable = turn.opening_end();
    let row = turns::Model {
        durable_unit: super::names::column(turn.durable.unit)?,
        ..row
    };
    tx.defer_built(turns::Entity::insert(turns::ActiveModel::from(row)))
        .await?;

    let role = match new.request.opening_role {
        OpeningRole::User => Role::User,
        OpeningRole::Assistant => Role::Assistant,
    };
    let files = new
        .request
        .files
        .map(|files| files.attached)
        .unwrap_or_default();
    let message = NewMessage {
        metadata: MessageMetadata {
            files,
            ..MessageMetadata::default()
        },
        ..NewMessage::text(new.message_id, 0, role, new.content)
    };
    let key = TurnKey {
        session_id: session,
        turn_id: new.id,
    };
    insert_messages(
        tx,
        key,
        numbered.turn_count,
        numbered.updated_at,
        vec![message],
    )
    .await?;
    Ok(turn)
}

async fn lock_session(
    tx: &Link,
    owner: &Owner,
    session: SessionId,
) -> Result<Option<IdRow>, Failure> {
    let sql = format!(
        "SELECT id FROM sessions WHERE id = $1 AND deleted_at IS NULL AND user_id IS NOT DISTINCT FROM $2 {lock}",
        lock = tx.dialect.lock_rows(),
    );
    Ok(tx
        .one(sql, [session.uuid().into(), owner_column(owner)])
        .await?)
}

async fn mark_all(tx: &Link, session: SessionId) -> Result<Vec<Turn>, Failure> {
    let sql = format!(
        "UPDATE turns SET cancel_requested_at = COALESCE(cancel_requested_at, {now}) \
         WHERE session_id = $1 AND finished_at IS NULL RETURNING {TURN}",
        now = tx.dialect.now(),
    );
    turns_in_order(tx.all(sql, [session.uuid().into()]).await?)
}

async fn mark_one(tx: &Link, session: SessionId, turn: TurnId) -> Result<CancelRequest, Failure> {
    let sql = format!(
        "UPDATE turns SET cancel_requested_at = COALESCE(cancel_requested_at, {now}) \
         WHERE id = $1 AND session_id = $2 AND finished_at IS NULL RETURNING {TURN}",
        now = tx.dialect.now(),
    );
    let values = [turn.uuid().into(), session.uuid().into()];
    if let Some(row) = tx.one::<turns::Model>(sql, values.clone()).await? {
        return Ok(CancelRequest::Marked(vec![row.try_into()?]));
    }
    let sql = format!("SELECT {TURN} FROM turns WHERE id = $1 AND session_id = $2");
    Ok(match tx.one::<turns::Model>(sql, values).await? {
        Some(row) => CancelRequest::Ended(row.try_into()?),
        None => CancelRequest::NotFound,
    })
}
