//! Sessions as their owners see them.

use super::{
    entity::turns,
    failure::Failure,
    names::to_json,
    rows::{CountRow, SessionRow, owner_column, turns_in_order},
    sql::{TURN, session_columns},
    store::SqlStore,
};
use async_trait::async_trait;
use copilot_core::{
    id::{SessionId, UserId},
    port::{
        PortError,
        store::{Files, Listed, Page, SessionStore},
    },
    session::{MessagePage, NewSession, Owner, Session, SessionSnapshot},
    turn::{FinishReason, Turn},
};
use uuid::Uuid;

/// The row that a probe writes and takes away: a lease that has never been good.
const PROBE: Uuid = Uuid::from_u128(0x0070_726f_6265_4000_8000_0000_0000_0001);

#[async_trait]
impl SessionStore for SqlStore {
    async fn create_session(&self, session: NewSession) -> Result<Session, PortError> {
        self.insert_session(session)
            .await
            .map_err(|failure| failure.doing("create a session"))
    }

    async fn list_sessions(&self, user: &UserId, page: Page) -> Result<Listed<Session>, PortError> {
        self.sessions_of(user, page)
            .await
            .map_err(|failure| failure.doing("list sessions"))
    }

    async fn find_session(
        &self,
        owner: &Owner,
        id: SessionId,
    ) -> Result<Option<Session>, PortError> {
        self.session(owner, id)
            .await
            .map_err(|failure| failure.doing("find a session"))
    }

    async fn find_client_session(
        &self,
        user: &UserId,
        client_id: &str,
    ) -> Result<Option<Session>, PortError> {
        self.client_session(user, client_id)
            .await
            .map_err(|failure| failure.doing("find a client's session"))
    }

    async fn snapshot(
        &self,
        owner: &Owner,
        id: SessionId,
        page: MessagePage,
    ) -> Result<Option<SessionSnapshot>, PortError> {
        self.read_snapshot(owner, id, page)
            .await
            .map_err(|failure| failure.doing("read a session"))
    }

    async fn rename_session(
        &self,
        owner: &Owner,
        id: SessionId,
        title: &str,
    ) -> Result<Option<()>, PortError> {
        self.set_title(owner, id, title)
            .await
            .map_err(|failure| failure.doing("rename a session"))
    }

    async fn claim_session(&self, user: &UserId, id: SessionId) -> Result<Option<()>, PortError> {
        self.set_owner(user, id)
            .await
            .map_err(|failure| failure.doing("claim a session"))
    }

    async fn delete_session(
        &self,
        owner: &Owner,
        id: SessionId,
        files: Files,
    ) -> Result<Option<Vec<Turn>>, PortError> {
        self.mark_deleted(owner, id, files)
            .await
            .map_err(|failure| failure.doing("delete a session"))
    }

    async fn probe(&self) -> Result<(), PortError> {
        self.write_and_read()
            .await
            .map_err(|failure| failure.doing("probe the database"))
    }
}

impl SqlStore {
    async fn insert_session(&self, new: NewSession) -> Result<Session, Failure> {
        let link = self.write().await?;
        let sql = format!(
            "INSERT INTO sessions (id, client_id, user_id, turn_count, created_at, updated_at, keep_files) \
             SELECT $1, $2, $3, 0, clock.now, clock.now, $4 FROM (SELECT {now} AS now) AS clock \
             WHERE true ON CONFLICT DO NOTHING \
             RETURNING id, client_id, user_id, title, created_at, updated_at, CAST(0 AS bigint) AS activity",
            now = link.dialect.now(),
        );
        let values = [
            new.id.uuid().into(),
            new.client_id.clone().into(),
            owner_column(&new.owner),
            false.into(),
        ];
        if let Some(row) = link.one::<SessionRow>(sql, values).await? {
            return row.try_into();
        }
        let former = match (new.owner.user(), &new.client_id) {
            (Some(user), Some(client_id)) => self.client_session(user, client_id).await?,
            _ => None,
        };
        former.ok_or_else(|| Failure::Data(format!("session {} is there already", new.id)))
    }

    async fn sessions_of(&self, user: &UserId, page: Page) -> Result<Listed<Session>, Failure> {
        let tx = self.begin_read().await?;
        let sql = format!(
            "SELECT {columns} FROM sessions s WHERE s.user_id = $1 AND s.deleted_at IS NULL \
             ORDER BY s.updated_at DESC, s.id DESC LIMIT $2 OFFSET $3",
            columns = session_columns(),
        );
        let values = [
            user.as_str().into(),
            i64::from(page.limit).into(),
            i64::from(page.offset).into(),
        ];
        let rows = tx.all::<SessionRow>(sql, values).await?;
        let count = tx
            .one::<CountRow>(
                "SELECT COUNT(*) AS n FROM sessions WHERE user_id = $1 AND deleted_at IS NULL",
                [user.as_str().into()],
            )
            .await?;
        tx.commit().await?;
        Ok(Listed {
            items: rows
                .into_iter()
                .map(Session::try_from)
                .collect::<Result<_, _>>()?,
            total: super::names::number(count.map_or(0, |count| count.n))?,
        })
    }

    async fn session(&self, owner: &Owner, id: SessionId) -> Result<Option<Session>, Failure> {
        let sql = format!(
            "SELECT {columns} FROM sessions s \
             WHERE s.id = $1 AND s.deleted_at IS NULL AND s.user_id IS NOT DISTINCT FROM $2",
            columns = session_columns(),
        );
        let values = [id.uuid().into(), owner_column(owner)];
        self.read()
            .await?
            .one::<SessionRow>(sql, values)
            .await?
            .map(Session::try_from)
            .transpose()
    }

    /// A deleted session has given its client id up.
    async fn client_session(
        &self,
        user: &UserId,
        client_id: &str,
    ) -> Result<Option<Session>, Failure> {
        let sql = format!(
            "SELECT {columns} FROM sessions s \
             WHERE s.user_id = $1 AND s.client_id = $2 AND s.deleted_at IS NULL",
            columns = session_columns(),
        );
        let values = [user.as_str().into(), client_id.into()];
        self.read()
            .await?
            .one::<SessionRow>(sql, values)
            .await?
            .map(Session::try_from)
            .transpose()
    }

    async fn set_title(
        &self,
        owner: &Owner,
        id: SessionId,
        title: &str,
    ) -> Result<Option<()>, Failure> {
        let link = self.write().await?;
        let sql = format!(
            "UPDATE sessions SET title = $3, updated_at = {now} \
             WHERE id = $1 AND deleted_at IS NULL AND user_id IS NOT DISTINCT FROM $2",
            now = link.dialect.now(),
        );
        let touched = link
            .execute(sql, [id.uuid().into(), owner_column(owner), title.into()])
            .await?;
        Ok((touched > 0).then_some(()))
    }

    /// Turns that were accepted before stay anonymous: they count for the session, not the user.
    async fn set_owner(&self, user: &UserId, id: SessionId) -> Result<Option<()>, Failure> {
        let link = self.write().await?;
        let sql = format!(
            "UPDATE sessions SET user_id = $2, \
             updated_at = CASE WHEN user_id IS NULL THEN {now} ELSE updated_at END \
             WHERE id = $1 AND deleted_at IS NULL AND (user_id IS NULL OR user_id = $2)",
            now = link.dialect.now(),
        );
        let touched = link
            .execute(sql, [id.uuid().into(), user.as_str().into()])
            .await?;
        Ok((touched > 0).then_some(()))
    }

    /// Whoever renames it first wins.
    pub(super) async fn set_missing_title(
        &self,
        id: SessionId,
        title: &str,
    ) -> Result<bool, Failure> {
        let touched = self
            .write()
            .await?
            .execute(
                "UPDATE sessions SET title = $2 \
                 WHERE id = $1 AND title IS NULL AND deleted_at IS NULL",
                [id.uuid().into(), title.into()],
            )
            .await?;
        Ok(touched > 0)
    }

    /// Ended turns keep their owner out: nobody has a stream of theirs to finish any more.
    async fn mark_deleted(
        &self,
        owner: &Owner,
        id: SessionId,
        files: Files,
    ) -> Result<Option<Vec<Turn>>, Failure> {
        let keep_files = match files {
            Files::Keep => true,
            Files::Delete => false,
        };
        let tx = self.begin().await?;
        let now = tx.dialect.now();
        let sql = format!(
            "UPDATE sessions SET deleted_at = {now}, keep_files = $3, client_id = NULL \
             WHERE id = $1 AND deleted_at IS NULL AND user_id IS NOT DISTINCT FROM $2"
        );
        let values = [id.uuid().into(), owner_column(owner), keep_files.into()];
        if tx.execute(sql, values).await? == 0 {
            tx.rollback().await?;
            return Ok(None);
        }
        let sql = format!(
            "UPDATE turns SET status = 'cancelled', attempt = attempt + 1, owner = NULL, \
             finish_reason = $2, finished_at = {now}, \
             cancel_requested_at = COALESCE(cancel_requested_at, {now}) \
             WHERE session_id = $1 AND finished_at IS NULL RETURNING {TURN}"
        );
        let values = [id.uuid().into(), FinishReason::Interrupted.as_str().into()];
        let ended = tx.all::<turns::Model>(sql, values).await?;
        tx.commit().await?;
        turns_in_order(ended).map(Some)
    }

    /// Two real writes and a read in one transaction, of which nothing is left. Two probes at
    /// once wait for each other.
    async fn write_and_read(&self) -> Result<(), Failure> {
        let tx = self.begin().await?;
        tx.execute(
            "INSERT INTO executors (id, expires_at) VALUES ($1, 0)",
            [PROBE.into()],
        )
        .await?;
        let read = tx
            .one::<CountRow>(
                "SELECT COUNT(*) AS n FROM executors WHERE id = $1",
                [PROBE.into()],
            )
            .await?
            .map(|count| count.n);
        if read != Some(1) {
            return Err(Failure::Data(format!(
                "a row that was written is not there: {}",
                to_json(&read)?
            )));
        }
        tx.execute("DELETE FROM executors WHERE id = $1", [PROBE.into()])
            .await?;
        Ok(tx.commit().await?)
    }
}
