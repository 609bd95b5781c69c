//! A session with messages and active stream, from one snapshot.

use super::{
    entity::messages,
    failure::Failure,
    names::{maybe_instant, named},
    rows::{SessionRow, owner_column},
    sql::session_columns,
    store::{Link, SqlStore},
};
use copilot_core::{
    id::SessionId,
    message::{Message, MessageStatus, TURN_SPAN},
    session::{ActiveMessages, ActiveStream, MessagePage, Owner, Session, SessionSnapshot},
    turn::TurnStatus,
};
use sea_orm::FromQueryResult;
use uuid::Uuid;

/// The session and its oldest unfinished turn.
#[derive(FromQueryResult)]
struct Head {
    #[sea_orm(nested)]
    session: SessionRow,
    active_turn: Option<Uuid>,
    active_started_at: Option<i64>,
    last_message: Option<Uuid>,
}

/// A message and where its turn stands.
#[derive(FromQueryResult)]
struct Shown {
    #[sea_orm(nested)]
    message: messages::Model,
    turn_number: i64,
    turn_status: String,
    turn_started_at: Option<i64>,
}

impl SqlStore {
    pub(super) async fn read_snapshot(
        &self,
        owner: &Owner,
        id: SessionId,
        page: MessagePage,
    ) -> Result<Option<SessionSnapshot>, Failure> {
        let tx = self.begin_read().await?;
        let Some(head) = head(&tx, owner, id).await? else {
            tx.rollback().await?;
            return Ok(None);
        };
        let mut rows = shown(&tx, id, page).await?;
        tx.commit().await?;

        let limit = page
            .limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let messages = rows
            .into_iter()
            .rev()
            .map(Message::try_from)
            .collect::<Result<_, _>>()?;
        let active_stream = match head.active_turn {
            Some(turn) => Some(ActiveStream {
                turn_id: turn.into(),
                last_message_id: head.last_message.map(Into::into),
                started_at: maybe_instant(head.active_started_at)?,
            }),
            None => None,
        };
        Ok(Some(SessionSnapshot {
            session: Session::try_from(head.session)?,
            messages,
            active_stream,
            has_more,
        }))
    }
}

async fn head(tx: &Link, owner: &Owner, id: SessionId) -> Result<Option<Head>, Failure> {
    let sql = format!(
        "SELECT {columns}, a.id AS active_turn, a.started_at AS active_started_at, \
         (SELECT m.id FROM messages m WHERE m.session_id = s.id ORDER BY m.sequence DESC LIMIT 1) \
         AS last_message \
         FROM sessions s LEFT JOIN turns a ON a.id = \
         (SELECT o.id FROM turns o WHERE o.session_id = s.id AND o.finished_at IS NULL \
          ORDER BY o.number LIMIT 1) \
         WHERE s.id = $1 AND s.deleted_at IS NULL AND s.user_id IS NOT DISTINCT FROM $2",
        columns = session_columns(),
    );
    Ok(tx.one(sql, [id.uuid().into(), owner_column(owner)]).await?)
}

/// The newest shown messages before the page's mark, newest first, and one more to know
/// whether there are more. What an unfinished turn has made is left out, never the message
/// that began it.
async fn shown(tx: &Link, id: SessionId, page: MessagePage) -> Result<Vec<Shown>, Failure> {
    let hidden = match page.active {
        ActiveMessages::Shown => String::new(),
        ActiveMessages::Hidden => {
            format!("AND (t.finished_at IS NOT NULL OR m.sequence = t.number * {TURN_SPAN})")
        }
    };
    let limit = page.limit.map_or(String::new(), |limit| {
        format!("LIMIT {}", u64::from(limit) + 1)
    });
    let sql = format!(
        "SELECT m.id, m.session_id, m.turn_id, m.sequence, m.role, m.content, m.name, m.tool_call_id, \
         m.refusal, m.tool_calls, m.function_call, m.reasoning, m.created_at, m.metadata, \
         t.number AS turn_number, t.status AS turn_status, t.started_at AS turn_started_at \
         FROM messages m JOIN turns t ON t.id = m.turn_id \
         WHERE m.session_id = $1 AND m.sequence < $2 {hidden} \
         ORDER BY m.sequence DESC {limit}"
    );
    let before = page.before_sequence.unwrap_or(i64::MAX);
    Ok(tx.all(sql, [id.uuid().into(), before.into()]).await?)
}

impl TryFrom<Shown> for Message {
    type Error = Failure;

    /// The message that began a turn tells if the turn waits, or was cancelled while it did.
    fn try_from(row: Shown) -> Result<Self, Failure> {
        let began = row.message.sequence == row.turn_number * TURN_SPAN;
        let status = match named(&row.turn_status)? {
            TurnStatus::Queued if began => Some(MessageStatus::Queued),
            TurnStatus::Cancelled if began && row.turn_started_at.is_none() => {
                Some(MessageStatus::Cancelled)
            }
            _ => None,
        };
        let mut message = Self::try_from(row.message)?;
        message.metadata.status = status;
        Ok(message)
    }
}
