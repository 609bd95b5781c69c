//! Reading turns.

use super::{
    entity::turns,
    failure::Failure,
    names::{named, number},
    rows::{CountRow, IdRow, owner_column, parts_of},
    sql::{SESSION_STANDS, TURN_OF_T, held},
    store::{Link, SqlStore},
};
use async_trait::async_trait;
use copilot_core::{
    id::{SessionId, TurnId},
    port::{
        PortError,
        store::{Exchanges, Listed, Page, Recorded, TurnRecords, TurnState},
    },
    session::{MessagePage, Owner},
    turn::{Turn, TurnKey},
};
use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

#[async_trait]
impl TurnRecords for SqlStore {
    async fn find_turn(&self, owner: &Owner, key: TurnKey) -> Result<Option<Turn>, PortError> {
        self.turn(owner, key)
            .await
            .map_err(|failure| failure.doing("find a turn"))
    }

    async fn list_turns(
        &self,
        owner: &Owner,
        session: SessionId,
        page: Page,
    ) -> Result<Option<Listed<Turn>>, PortError> {
        self.turns_of(owner, session, page)
            .await
            .map_err(|failure| failure.doing("list turns"))
    }

    async fn active_turn(
        &self,
        owner: &Owner,
        session: SessionId,
    ) -> Result<Option<Option<Turn>>, PortError> {
        self.oldest_unfinished(owner, session)
            .await
            .map_err(|failure| failure.doing("find the active turn"))
    }

    async fn recorded(&self, key: TurnKey) -> Result<Option<Recorded>, PortError> {
        self.read_recorded(key)
            .await
            .map_err(|failure| failure.doing("read what is saved of a turn"))
    }

    async fn exchanges(
        &self,
        owner: &Owner,
        session: SessionId,
        page: MessagePage,
    ) -> Result<Option<Exchanges>, PortError> {
        self.read_exchanges(owner, session, page)
            .await
            .map_err(|failure| failure.doing("read a session's exchanges"))
    }

    async fn states(&self, turns: &[TurnId]) -> Result<Vec<TurnState>, PortError> {
        self.read_states(turns)
            .await
            .map_err(|failure| failure.doing("read where turns stand"))
    }
}

#[derive(FromQueryResult)]
struct StateRow {
    id: Uuid,
    status: String,
    attempt: i64,
    held: i64,
}

impl TryFrom<StateRow> for TurnState {
    type Error = Failure;

    fn try_from(row: StateRow) -> Result<Self, Failure> {
        Ok(Self {
            turn_id: row.id.into(),
            status: named(&row.status)?,
            attempt: number(row.attempt)?,
            held: row.held != 0,
        })
    }
}

impl SqlStore {
    async fn turn(&self, owner: &Owner, key: TurnKey) -> Result<Option<Turn>, Failure> {
        let sql = format!(
            "SELECT {TURN_OF_T} FROM turns t JOIN sessions s ON s.id = t.session_id \
             WHERE t.id = $1 AND s.id = $2 AND s.deleted_at IS NULL AND s.user_id IS NOT DISTINCT FROM $3"
        );
        let values = [
            key.turn_id.uuid().into(),
            key.session_id.uuid().into(),
            owner_column(owner),
        ];
        self.read()
            .await?
            .one::<turns::Model>(sql, values)
            .await?
            .map(Turn::try_from)
            .transpose()
    }

    async fn turns_of(
        &self,
        owner: &Owner,
        session: SessionId,
        page: Page,
    ) -> Result<Option<Listed<Turn>>, Failure> {
        let tx = self.begin_read().await?;
        if !stands(&tx, owner, session).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        let sql = format!(
            "SELECT {TURN_OF_T} FROM turns t WHERE t.session_id = $1 \
             ORDER BY t.number DESC LIMIT $2 OFFSET $3"
        );
        let values = [
            session.uuid().into(),
            i64::from(page.limit).into(),
            i64::from(page.offset).into(),
        ];
        let rows = tx.all::<turns::Model>(sql, values).await?;
        let count = tx
            .one::<CountRow>(
                "SELECT COUNT(*) AS n FROM turns WHERE session_id = $1",
                [session.uuid().into()],
            )
            .await?;
        tx.commit().await?;
        Ok(Some(Listed {
            items: rows
                .into_iter()
                .map(Turn::try_from)
                .collect::<Result<_, _>>()?,
            total: number(count.map_or(0, |count| count.n))?,
        }))
    }

    async fn oldest_unfinished(
        &self,
        owner: &Owner,
        session: SessionId,
    ) -> Result<Option<Option<Turn>>, Failure> {
        let tx = self.begin_read().await?;
        if !stands(&tx, owner, session).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        let sql = format!(
            "SELECT {TURN_OF_T} FROM turns t WHERE t.session_id = $1 AND t.finished_at IS NULL \
             ORDER BY t.number LIMIT 1"
        );
        let row = tx.one::<turns::Model>(sql, [session.uuid().into()]).await?;
        tx.commit().await?;
        row.map(Turn::try_from).transpose().map(Some)
    }

    async fn read_recorded(&self, key: TurnKey) -> Result<Option<Recorded>, Failure> {
        let tx = self.begin_read().await?;
        let sql = format!(
            "SELECT {TURN_OF_T} FROM turns t WHERE t.id = $1 AND t.session_id = $2 AND {SESSION_STANDS}"
        );
        let values = [key.turn_id.uuid().into(), key.session_id.uuid().into()];
        let recorded = match tx
            .one::<turns::Model>(sql, values)
            .await?
            .map(Turn::try_from)
            .transpose()?
        {
            Some(turn) => Some(Recorded {
                parts: parts_of(&tx, &turn).await?,
                turn,
            }),
            None => None,
        };
        tx.commit().await?;
        Ok(recorded)
    }

    async fn read_states(&self, turns: &[TurnId]) -> Result<Vec<TurnState>, Failure> {
        if turns.is_empty() {
            return Ok(Vec::new());
        }
        let link = self.read().await?;
        let sql = format!(
            "SELECT t.id, t.status, t.attempt, \
             CAST(CASE WHEN t.finished_at IS NULL AND {held} THEN 1 ELSE 0 END AS bigint) AS held \
             FROM turns t WHERE t.id IN ({ids}) AND {SESSION_STANDS}",
            held = held(link.dialect),
            ids = placeholders(turns.len()),
        );
        let rows = link.all::<StateRow>(sql, id_values(turns)).await?;
        rows.into_iter().map(TurnState::try_from).collect()
    }
}

/// `$1, $2, …`
pub(super) fn placeholders(count: usize) -> String {
    (1..=count)
        .map(|n| format!("${n}"))
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn id_values(turns: &[TurnId]) -> Vec<Value> {
    turns.iter().map(|turn| turn.uuid().into()).collect()
}

pub(super) async fn stands(tx: &Link, owner: &Owner, session: SessionId) -> Result<bool, Failure> {
    let row = tx
        .one::<IdRow>(
            "SELECT id FROM sessions WHERE id = $1 AND deleted_at IS NULL AND user_id IS NOT DISTINCT FROM $2",
            [session.uuid().into(), owner_column(owner)],
        )
        .await?;
    Ok(row.is_some_and(|row| row.id == session.uuid()))
}
