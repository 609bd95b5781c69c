//! What an attempt starts from.

use super::{
    entity::{messages, turns},
    failure::Failure,
    rows::{CountRow, parts_of, place_after, unfinished_calls},
    sql::{SESSION_STANDS, TURN_OF_T},
    store::{Link, SqlStore},
};
use copilot_core::{
    message::{Message, TURN_SPAN},
    port::store::{Fence, Groundwork},
    turn::Turn,
};

/// At most this many messages of history are read, the newest; the engine compacts further.
const MAX_HISTORY: i64 = 2_000;

impl SqlStore {
    /// Several statements and yet one picture: once the turn is this attempt's, nobody but
    /// this attempt changes what is read here, and earlier turns have ended. Should the fence
    /// fall meanwhile, every commit tells.
    pub(super) async fn read_groundwork(
        &self,
        fence: Fence,
    ) -> Result<Option<Groundwork>, Failure> {
        let link = self.read().await?;
        let Some(turn) = claimed_turn(&link, fence).await? else {
            return Ok(None);
        };
        let history = history(&link, &turn).await?;
        Ok(Some(Groundwork {
            next_place: next_place(&history, &turn)?,
            unfinished: unfinished_calls(&link, &turn).await?,
            parts: parts_of(&link, &turn).await?,
            is_untitled: is_untitled(&link, &turn).await?,
            history,
        }))
    }
}

async fn is_untitled(tx: &Link, turn: &Turn) -> Result<bool, Failure> {
    let untitled = tx
        .one::<CountRow>(
            "SELECT COUNT(*) AS n FROM sessions WHERE id = $1 AND title IS NULL",
            [turn.session_id.uuid().into()],
        )
        .await?;
    Ok(untitled.is_some_and(|row| row.n > 0))
}

async fn claimed_turn(tx: &Link, fence: Fence) -> Result<Option<Turn>, Failure> {
    let sql = format!(
        "SELECT {TURN_OF_T} FROM turns t WHERE t.id = $1 AND t.session_id = $2 AND t.attempt = $3 \
         AND t.status = 'running' AND {SESSION_STANDS}"
    );
    let values = [
        fence.key.turn_id.uuid().into(),
        fence.key.session_id.uuid().into(),
        i64::from(fence.attempt).into(),
    ];
    tx.one::<turns::Model>(sql, values)
        .await?
        .map(Turn::try_from)
        .transpose()
}

/// Messages of this turn and of earlier ones that ended after they had run: one that was
/// cancelled while it waited is never shown to the model.
async fn history(tx: &Link, turn: &Turn) -> Result<Vec<Message>, Failure> {
    let rows = tx
        .all::<messages::Model>(
            "SELECT m.id, m.session_id, m.turn_id, m.sequence, m.role, m.content, m.name, m.tool_call_id, \
             m.refusal, m.tool_calls, m.function_call, m.reasoning, m.created_at, m.metadata \
             FROM messages m JOIN turns t ON t.id = m.turn_id \
             WHERE m.session_id = $1 AND m.sequence < $2 \
             AND (t.id = $3 OR (t.finished_at IS NOT NULL AND t.started_at IS NOT NULL)) \
             ORDER BY m.sequence DESC LIMIT $4",
            [
                turn.session_id.uuid().into(),
                ((turn.number + 1) * TURN_SPAN).into(),
                turn.id.uuid().into(),
                MAX_HISTORY.into(),
            ],
        )
        .await?;
    rows.into_iter().rev().map(Message::try_from).collect()
}

/// The turn's own messages are the last of the history.
fn next_place(history: &[Message], turn: &Turn) -> Result<u32, Failure> {
    let newest = history.last().filter(|message| message.turn_id == turn.id);
    place_after(newest.map(|message| message.sequence), turn.number)
}
