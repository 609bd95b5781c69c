//! Questions with their answers, as a reloaded client shows them.

use super::{
    entity::{messages, turn_parts, turns},
    failure::Failure,
    names::from_json,
    records::stands,
    sql::TURN_OF_T,
    store::{Link, SqlStore},
};
use copilot_core::{
    event::Entry,
    id::{MessageId, SessionId, TurnId},
    message::{Message, TURN_SPAN},
    port::store::{Exchange, Exchanges, Recorded},
    session::{MessagePage, Owner},
    turn::Turn,
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use std::collections::HashMap;
use uuid::Uuid;

/// Turns of which rows are read in one statement.
const BATCH: usize = 500;

impl SqlStore {
    pub(super) async fn read_exchanges(
        &self,
        owner: &Owner,
        session: SessionId,
        page: MessagePage,
    ) -> Result<Option<Exchanges>, Failure> {
        let tx = self.begin_read().await?;
        if !stands(&tx, owner, session).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        let mut rows = newest(&tx, session, page).await?;
        let limit = page.limit.and_then(|limit| usize::try_from(limit).ok());
        let has_more = limit.is_some_and(|limit| rows.len() > limit);
        rows.truncate(limit.unwrap_or(usize::MAX));
        rows.reverse();
        let mut items = Vec::with_capacity(rows.len());
        for rows in rows.chunks(BATCH) {
            items.extend(complete(&tx, rows).await?);
        }
        tx.commit().await?;
        Ok(Some(Exchanges { items, has_more }))
    }
}

/// Newest first, and one more than the limit, to know whether there are more.
async fn newest(
    tx: &Link,
    session: SessionId,
    page: MessagePage,
) -> Result<Vec<turns::Model>, Failure> {
    let limit = page.limit.map_or(String::new(), |limit| {
        format!("LIMIT {}", u64::from(limit) + 1)
    });
    let sql = format!(
        "SELECT {TURN_OF_T} FROM turns t WHERE t.session_id = $1 AND t.number < $2 \
         ORDER BY t.number DESC {limit}"
    );
    // A turn's messages begin at its number's multiple.
    let before = page.before_sequence.map_or(i64::MAX, |sequence| {
        sequence.div_euclid(TURN_SPAN) + i64::from(sequence.rem_euclid(TURN_SPAN) > 0)
    });
    Ok(tx.all(sql, [session.uuid().into(), before.into()]).await?)
}

async fn complete(tx: &Link, rows: &[turns::Model]) -> Result<Vec<Exchange>, Failure> {
    let mut openings = openings(tx, rows).await?;
    let mut parts = parts(tx, rows).await?;
    let complete = |row: &turns::Model| {
        let client_id = row.idempotency_key.clone();
        let turn = Turn::try_from(row.clone())?;
        let opening = openings.remove(&row.message_id.into());
        let opening =
            opening.ok_or_else(|| Failure::Data(format!("no message begins turn {}", turn.id)))?;
        let mut told = Vec::new();
        if turn.status.is_terminal() {
            told = turn.opening();
            told.extend(parts.remove(&turn.id).unwrap_or_default());
        }
        Ok(Exchange {
            opening,
            client_id,
            recorded: Recorded { turn, parts: told },
        })
    };
    rows.iter().map(complete).collect()
}

async fn openings(
    tx: &Link,
    rows: &[turns::Model],
) -> Result<HashMap<MessageId, Message>, Failure> {
    let found = messages::Entity::find()
        .filter(messages::Column::Id.is_in(rows.iter().map(|row| row.message_id)))
        .all(&tx.connection)
        .await?;
    let read = |row: messages::Model| Message::try_from(row).map(|message| (message.id, message));
    found.into_iter().map(read).collect()
}

/// Of turns that have ended.
async fn parts(tx: &Link, rows: &[turns::Model]) -> Result<HashMap<TurnId, Vec<Entry>>, Failure> {
    let ended = rows.iter().filter(|row| row.finished_at.is_some());
    let ended: Vec<Uuid> = ended.map(|row| row.id).collect();
    if ended.is_empty() {
        return Ok(HashMap::new());
    }
    let found = turn_parts::Entity::find()
        .filter(turn_parts::Column::TurnId.is_in(ended))
        .order_by_asc(turn_parts::Column::TurnId)
        .order_by_asc(turn_parts::Column::Attempt)
        .order_by_asc(turn_parts::Column::Unit)
        .all(&tx.connection)
        .await?;
    let mut parts: HashMap<TurnId, Vec<Entry>> = HashMap::new();
    for row in found {
        let entries = from_json::<Vec<Entry>>(&row.payload)?;
        parts.entry(row.turn_id.into()).or_default().extend(entries);
    }
    Ok(parts)
}
