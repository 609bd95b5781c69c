//! What an attempt starts from.

use super::{
    entity::messages,
    failure::Failure,
    rows::{CountRow, parts_of, place_after, unfinished_calls},
    sql::SESSION_STANDS,
    store::{Link, SqlStore},
};
use copilot_core::{
    message::{Message, TURN_SPAN},
    port::store::Groundwork,
    turn::Turn,
};
use sea_orm::{FromQueryResult, Value};

/// At most this many messages of history are read, the newest; the engine compacts further.
const MAX_HISTORY: i64 = 2_000;

impl SqlStore {
    /// Several statements and yet one picture: once the turn is this attempt's, nobody but
    /// this attempt changes what is read here, and earlier turns have ended. Should the fence
    /// fall meanwhile, every commit tells.
    pub(super) async fn read_groundwork(&self, turn: &Turn) -> Result<Option<Groundwork>, Failure> {
        let link = self.read().await?;
        let rows = history(&link, turn).await?;
        if rows.is_empty() && !is_claimed(&link, turn).await? {
            return Ok(None);
        }
        let is_untitled = rows.first().is_some_and(|row| row.untitled > 0);
        let messages = rows.into_iter().rev().map(|row| row.message.try_into());
        let history = messages.collect::<Result<Vec<Message>, _>>()?;
        Ok(Some(Groundwork {
            next_place: next_place(&history, turn)?,
            unfinished: unfinished_calls(&link, turn).await?,
            parts: parts_of(&link, turn).await?,
            is_untitled,
            history,
        }))
    }
}

/// The turn is at work by this attempt: the parameters of [`claim_values`].
fn claimed() -> String {
    format!(
        "t.id = $1 AND t.session_id = $2 AND t.attempt = $3 AND t.status = 'running' \
         AND {SESSION_STANDS}"
    )
}

fn claim_values(turn: &Turn) -> [Value; 3] {
    [
        turn.id.uuid().into(),
        turn.session_id.uuid().into(),
        i64::from(turn.attempt).into(),
    ]
}

async fn is_claimed(link: &Link, turn: &Turn) -> Result<bool, Failure> {
    let sql = format!(
        "SELECT COUNT(*) AS n FROM turns t WHERE {claimed}",
        claimed = claimed()
    );
    let found = link.one::<CountRow>(sql, claim_values(turn)).await?;
    Ok(found.is_some_and(|row| row.n > 0))
}

/// A message, and what else is asked of the session.
#[derive(FromQueryResult)]
struct HistoryRow {
    #[sea_orm(nested)]
    message: messages::Model,
    untitled: i64,
}

/// Messages of this turn and of earlier ones that ended after they had run, newest first: one
/// that was cancelled while it waited is never shown to the model. Nothing if the turn is not
/// this attempt's.
async fn history(link: &Link, turn: &Turn) -> Result<Vec<HistoryRow>, Failure> {
    let sql = format!(
        "SELECT m.id, m.session_id, m.turn_id, m.sequence, m.role, m.content, m.name, m.tool_call_id, \
         m.refusal, m.tool_calls, m.function_call, m.reasoning, m.created_at, m.metadata, \
         (SELECT CAST(CASE WHEN title IS NULL THEN 1 ELSE 0 END AS bigint) FROM sessions WHERE id = $2) \
         AS untitled \
         FROM messages m JOIN turns o ON o.id = m.turn_id \
         WHERE m.session_id = $2 AND m.sequence < $4 \
         AND (o.id = $1 OR (o.finished_at IS NOT NULL AND o.started_at IS NOT NULL)) \
         AND EXISTS (SELECT 1 FROM turns t WHERE {claimed}) \
         ORDER BY m.sequence DESC LIMIT $5",
        claimed = claimed(),
    );
    let values = claim_values(turn)
        .into_iter()
        .chain([((turn.number + 1) * TURN_SPAN).into(), MAX_HISTORY.into()]);
    Ok(link.all(sql, values.collect::<Vec<_>>()).await?)
}

/// The turn's own messages are the last of the history.
fn next_place(history: &[Message], turn: &Turn) -> Result<u32, Failure> {
    let newest = history.last().filter(|message| message.turn_id == turn.id);
    place_after(newest.map(|message| message.sequence), turn.number)
}
