//! Sessions.

use crate::{
    auth::{Caller, Visitor},
    dto::{
        Done,
        session::{CreatedSession, MessageFormat, SessionDetail, SessionList},
        title::TitleBody,
    },
    error::ApiError,
    fields::JsonBody,
    openapi::Tag,
    routes::stream::chosen,
    state::Services,
};
use copilot_core::{
    clock::millis,
    id::SessionId,
    port::store::{Files, Page},
    session::{ActiveMessages, MessagePage, NewSession},
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) struct SessionRoutes;

/// It is gone.
#[derive(ApiResponse)]
pub(crate) enum Deleted {
    /// It is gone
    #[oai(status = 204)]
    Gone,
}

fn page_size() -> u32 {
    50
}

#[OpenApi(prefix_path = "/api/chat", tag = "Tag::Sessions")]
impl SessionRoutes {
    /// Begin a session
    ///
    /// It is empty, and has no title. A body is not needed. Without a token, where the operator
    /// allows that, it is anonymous: its id is its key.
    #[oai(path = "/sessions", method = "post", operation_id = "create_session")]
    async fn create(
        &self,
        services: Services,
        visitor: Visitor,
    ) -> Result<Json<CreatedSession>, ApiError> {
        let (id, owner) = visitor.founds(&services);
        let new = NewSession {
            id,
            owner,
            client_id: None,
        };
        Ok(Json(services.store.create_session(new).await?.into()))
    }

    /// The caller's sessions
    ///
    /// Newest `updated_at` first.
    #[oai(path = "/sessions", method = "get", operation_id = "list_sessions")]
    async fn list(
        &self,
        services: Services,
        caller: Caller,
        /// At most this many
        #[oai(
            default = "page_size",
            validator(minimum(value = "1"), maximum(value = "100"))
        )]
        limit: Query<u32>,
        /// After skipping this many
        #[oai(default)]
        offset: Query<u32>,
    ) -> Result<Json<SessionList>, ApiError> {
        let page = Page {
            limit: limit.0,
            offset: offset.0,
        };
        Ok(Json(
            services
                .store
                .list_sessions(caller.user(), page)
                .await?
                .into(),
        ))
    }

    /// A session with its messages
    ///
    /// While a turn is unfinished, what it has made so far is left out: its stream is the only
    /// source of that, so that nothing shows twice.
    #[oai(
        path = "/sessions/:session_id",
        method = "get",
        operation_id = "get_session"
    )]
    #[expect(clippy::too_many_arguments, reason = "the parameters of the route")]
    async fn read(
        &self,
        services: Services,
        visitor: Visitor,
        session_id: Path<Uuid>,
        /// At most this many messages, the newest; without it all
        #[oai(validator(minimum(value = "1")))]
        limit: Query<Option<u32>>,
        /// Only messages before this `sequence`
        before_sequence: Query<Option<i64>>,
        /// Also what an unfinished turn has made so far
        #[oai(default)]
        include_active: Query<bool>,
        /// `ui`: as the AI SDK's UIMessages; `limit` counts questions with their answers then
        #[oai(default)]
        format: Query<MessageFormat>,
        /// The version of the `ai` package that UIMessages are for: `v5`, `v6` or `v7`
        profile: Query<Option<String>>,
        /// The same as `profile`
        #[oai(name = "x-stream-profile")]
        profile_header: Header<Option<String>>,
    ) -> Result<Json<SessionDetail>, ApiError> {
        let profile = chosen(&services, &profile, &profile_header)?;
        let began = Instant::now();
        let active = if include_active.0 {
            ActiveMessages::Shown
        } else {
            ActiveMessages::Hidden
        };
        let page = MessagePage {
            limit: limit.0,
            before_sequence: before_sequence.0,
            active,
        };
        let owner = visitor.owner(&services, session_id.0).await?;
        let id = session_id.0.into();
        let no_session = || ApiError::no_session(session_id.0);
        let head = match format.0 {
            MessageFormat::Stored => page,
            // Its messages come with the exchanges.
            MessageFormat::Ui => MessagePage {
                before_sequence: Some(0),
                ..page
            },
        };
        let snapshot = services.store.snapshot(&owner, id, head).await?;
        let snapshot = snapshot.ok_or_else(no_session)?;
        let mut session = SessionDetail::from(snapshot);
        if format.0 == MessageFormat::Ui {
            let exchanges = services.store.exchanges(&owner, id, page).await?;
            session = session.with_exchanges(exchanges.ok_or_else(no_session)?, profile);
        }
        let messages = session.size();
        let total = millis(began.elapsed());
        let session_id = SessionId::from(session_id.0).tag();
        tracing::info!(session_id, messages, total, "session read");
        Ok(Json(session))
    }

    /// Delete a session
    ///
    /// Its turns are cancelled, and nothing that is written late brings it back.
    #[oai(
        path = "/sessions/:session_id",
        method = "delete",
        operation_id = "delete_session"
    )]
    async fn delete(
        &self,
        services: Services,
        caller: Caller,
        session_id: Path<Uuid>,
        /// Keep its files in the workspace
        #[oai(default)]
        keep_files: Query<bool>,
    ) -> Result<Deleted, ApiError> {
        let files = if keep_files.0 {
            Files::Keep
        } else {
            Files::Delete
        };
        let deleted = services
            .deleter
            .delete(caller.owner(), session_id.0.into(), files)
            .await?;
        deleted
            .map(|()| Deleted::Gone)
            .ok_or_else(|| ApiError::no_session(session_id.0))
    }

    /// Give a session a title
    ///
    /// The title is trimmed. It stays until it is changed by hand again.
    #[oai(
        path = "/sessions/:session_id/title",
        method = "patch",
        operation_id = "update_session_title"
    )]
    async fn rename(
        &self,
        services: Services,
        caller: Caller,
        session_id: Path<Uuid>,
        body: JsonBody<TitleBody>,
    ) -> Result<Json<Done>, ApiError> {
        let title = body.0.title;
        let renamed = services
            .store
            .rename_session(caller.owner(), session_id.0.into(), &title)
            .await?;
        renamed
            .map(|()| Json(Done::ok()))
            .ok_or_else(|| ApiError::no_session(session_id.0))
    }

    /// Take an anonymous session
    ///
    /// From then on it is the caller's alone.
    #[oai(
        path = "/sessions/:session_id/assign-user",
        method = "patch",
        operation_id = "assign_session_user"
    )]
    async fn assign(
        &self,
        services: Services,
        caller: Caller,
        session_id: Path<Uuid>,
    ) -> Result<Json<Done>, ApiError> {
        let claimed = services
            .store
            .claim_session(caller.user(), session_id.0.into())
            .await?;
        claimed
            .map(|()| Json(Done::ok()))
            .ok_or_else(|| ApiError::no_session(session_id.0))
    }
}
