//! Rows that several methods read and write.

use super::{
    entity::{messages, tool_calls, turn_parts, turns},
    failure::Failure,
    names::number,
    store::Link,
};
use copilot_core::{
    event::Entry,
    id::{TurnId, UserId},
    ledger::LedgerCall,
    message::{NewMessage, TURN_SPAN},
    position::Position,
    session::{Owner, Session, SessionStatus},
    turn::{Turn, TurnKey},
};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    sea_query::OnConflict,
};
use uuid::Uuid;

/// A turn's id and session.
#[derive(FromQueryResult)]
pub(super) struct KeyRow {
    id: Uuid,
    session_id: Uuid,
}

impl From<KeyRow> for TurnKey {
    fn from(row: KeyRow) -> Self {
        Self {
            session_id: row.session_id.into(),
            turn_id: row.id.into(),
        }
    }
}

/// A session, as [`super::sql::session_columns`] gives it.
#[derive(FromQueryResult)]
pub(super) struct SessionRow {
    pub(super) id: Uuid,
    client_id: Option<String>,
    user_id: Option<String>,
    title: Option<String>,
    created_at: i64,
    updated_at: i64,
    activity: i64,
}

impl TryFrom<SessionRow> for Session {
    type Error = Failure;

    fn try_from(row: SessionRow) -> Result<Self, Failure> {
        Ok(Self {
            id: row.id.into(),
            client_id: row.client_id,
            user_id: row.user_id.map(UserId::new),
            title: row.title,
            created_at: super::names::instant(row.created_at)?,
            updated_at: super::names::instant(row.updated_at)?,
            status: match row.activity {
                0 => SessionStatus::Idle,
                1 => SessionStatus::Queued,
                2 => SessionStatus::Paused,
                _ => SessionStatus::Running,
            },
        })
    }
}

/// A count.
#[derive(FromQueryResult)]
pub(super) struct CountRow {
    pub(super) n: i64,
}

/// Whether something is there.
#[derive(FromQueryResult)]
pub(super) struct IdRow {
    pub(super) id: Uuid,
}

/// What an owner is in the column `user_id`; compare by `IS NOT DISTINCT FROM`.
pub(super) fn owner_column(owner: &Owner) -> sea_orm::Value {
    owner.user().map(|user| user.as_str().to_owned()).into()
}

/// Rows as turns, in the order of acceptance.
pub(super) fn turns_in_order(mut rows: Vec<turns::Model>) -> Result<Vec<Turn>, Failure> {
    rows.sort_by_key(|row| row.number);
    rows.into_iter().map(Turn::try_from).collect()
}

/// Stores messages of turn `number`. One that is there already stays as it is.
pub(super) async fn insert_messages(
    link: &Link,
    key: TurnKey,
    number: i64,
    at: i64,
    new: Vec<NewMessage>,
) -> Result<(), Failure> {
    if new.is_empty() {
        return Ok(());
    }
    let rows = new
        .into_iter()
        .map(|message| messages::Model::new(key, number, at, message))
        .map(|row| row.map(messages::ActiveModel::from))
        .collect::<Result<Vec<_>, _>>()?;
    let insert = messages::Entity::insert_many(rows).on_conflict(do_nothing());
    link.defer_built(insert).await?;
    Ok(())
}

/// Stores ledger rows. One that is there already stays as it is.
pub(super) async fn insert_calls(
    link: &Link,
    turn: TurnId,
    calls: Vec<LedgerCall>,
) -> Result<(), Failure> {
    if calls.is_empty() {
        return Ok(());
    }
    let rows = calls
        .into_iter()
        .map(|call| tool_calls::Model::new(turn, call))
        .map(|row| row.map(tool_calls::ActiveModel::from))
        .collect::<Result<Vec<_>, _>>()?;
    let insert = tool_calls::Entity::insert_many(rows).on_conflict(do_nothing());
    link.defer_built(insert).await?;
    Ok(())
}

/// Stores the parts of one durable point. Once there, they stay as they are.
pub(super) async fn insert_parts(
    link: &Link,
    turn: TurnId,
    parts: &[Entry],
) -> Result<(), Failure> {
    let Some(last) = parts.last() else {
        return Ok(());
    };
    let row = turn_parts::ActiveModel::from(turn_parts::Model::new(turn, last.position, parts)?);
    let insert = turn_parts::Entity::insert(row).on_conflict(do_nothing());
    link.defer_built(insert).await?;
    Ok(())
}

fn do_nothing() -> OnConflict {
    OnConflict::new().do_nothing().to_owned()
}

/// A turn's opening and stored parts, oldest first.
pub(super) async fn parts_of(link: &Link, turn: &Turn) -> Result<Vec<Entry>, Failure> {
    let mut parts = turn.opening();
    if turn.durable == turn.opening_end() {
        return Ok(parts);
    }
    let rows = turn_parts::Entity::find()
        .filter(turn_parts::Column::TurnId.eq(turn.id.uuid()))
        .order_by_asc(turn_parts::Column::Attempt)
        .order_by_asc(turn_parts::Column::Unit)
        .all(&link.connection)
        .await?;
    for row in rows {
        parts.extend(super::names::from_json::<Vec<Entry>>(&row.payload)?);
    }
    Ok(parts)
}

/// The calls of the turn's last reply, if one of them is not done yet.
pub(super) async fn unfinished_calls(link: &Link, turn: &Turn) -> Result<Vec<LedgerCall>, Failure> {
    if turn.steps == 0 {
        return Ok(Vec::new());
    }
    let rows = tool_calls::Entity::find()
        .filter(tool_calls::Column::TurnId.eq(turn.id.uuid()))
        .filter(tool_calls::Column::Step.eq(i64::from(turn.steps)))
        .order_by_asc(tool_calls::Column::CallIndex)
        .all(&link.connection)
        .await?;
    if rows.iter().all(|row| row.outcome.is_some()) {
        return Ok(Vec::new());
    }
    rows.into_iter().map(LedgerCall::try_from).collect()
}

/// The first place after the message at `newest`, the newest sequence of the turn.
pub(super) fn place_after(newest: Option<i64>, turn_number: i64) -> Result<u32, Failure> {
    newest.map_or(Ok(0), |sequence| {
        number(sequence - turn_number * TURN_SPAN + 1)
    })
}

/// The end of `parts` as columns; none if there are none.
pub(super) fn end_columns(parts: &[Entry]) -> Result<(Option<i64>, Option<i64>), Failure> {
    let Some(Position { attempt, unit }) = parts.last().map(|entry| entry.position) else {
        return Ok((None, None));
    };
    Ok((Some(attempt.into()), Some(super::names::column(unit)?)))
}

/// The session's `updated_at` moves; false if the session is gone. Also takes the session's
/// lock, which comes before those of its turns.
pub(super) async fn touch_session(link: &Link, session: Uuid) -> Result<bool, DbErr> {
    let touched = link.execute(touch(link, "$1"), [session.into()]).await?;
    Ok(touched > 0)
}

/// [`touch_session`] for the session of a turn.
pub(super) async fn touch_session_of(link: &Link, turn: TurnId) -> Result<(), DbErr> {
    let session = "(SELECT session_id FROM turns WHERE id = $1)";
    link.execute(touch(link, session), [turn.uuid().into()])
        .await?;
    Ok(())
}

/// [`touch_session`] by somebody who has its lock and knows that it stands.
pub(super) async fn touch_locked_session(link: &Link, session: Uuid) -> Result<(), DbErr> {
    link.defer(touch(link, "$1"), [session.into()]).await
}

fn touch(link: &Link, session: &str) -> String {
    format!(
        "UPDATE sessions SET updated_at = {now} WHERE id = {session} AND deleted_at IS NULL",
        now = link.dialect.now(),
    )
}
