//! Event streams of turns.

use super::{MaybeStream, Stream};
use crate::{
    accepting::{Said, accept},
    auth::Visitor,
    cursor::Cursor,
    dto::new_turn::NewTurnBody,
    error::ApiError,
    fields::JsonBody,
    openapi::Tag,
    sse::{Opening, Profile, open},
    state::Services,
};
use copilot_core::{id::SessionId, position::Position, session::Owner, turn::TurnKey};
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
};
use uuid::Uuid;

pub(crate) struct StreamRoutes;

#[OpenApi(prefix_path = "/api/chat", tag = "Tag::Turns")]
impl StreamRoutes {
    /// Say something and read the answer as it is made
    ///
    /// A client that goes away changes nothing: the turn goes on, and any process can tell it.
    #[oai(
        path = "/sessions/:session_id/stream",
        method = "post",
        operation_id = "stream_turn"
    )]
    #[expect(clippy::too_many_arguments, reason = "the parameters of the route")]
    async fn start(
        &self,
        services: Services,
        visitor: Visitor,
        session_id: Path<Uuid>,
        /// The same as the body's `message_id`
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        /// The version of the `ai` package that reads: `v5`, `v6` or `v7`
        profile: Query<Option<String>>,
        /// The same as `profile`
        #[oai(name = "x-stream-profile")]
        profile_header: Header<Option<String>>,
        body: JsonBody<NewTurnBody>,
    ) -> Result<Stream, ApiError> {
        let profile = chosen(&services, &profile, &profile_header)?;
        let said = Said::new(body.0, key.0)?;
        let owner = visitor.owner(&services, session_id.0).await?;
        let turn = accept(&services, &owner, session_id.0.into(), said).await?;
        let opening = Opening {
            profile,
            after: Position::ZERO,
            is_resumed: false,
        };
        Ok(Stream::Open(open(&services, &turn, opening).await?))
    }

    /// Come back to a session's stream
    ///
    /// Without a cursor the oldest unfinished turn from its beginning; with one the rest of the
    /// turn that it names, also when that has ended meanwhile. A cursor that cannot be read is
    /// as if there were none.
    #[oai(
        path = "/sessions/:session_id/stream",
        method = "get",
        operation_id = "resume_session"
    )]
    #[expect(clippy::too_many_arguments, reason = "the parameters of the route")]
    async fn resume(
        &self,
        services: Services,
        visitor: Visitor,
        session_id: Path<Uuid>,
        /// The `id` of the last event that was received
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
        /// The same as `Last-Event-ID`
        after: Query<Option<String>>,
        /// The version of the `ai` package that reads: `v5`, `v6` or `v7`
        profile: Query<Option<String>>,
        /// The same as `profile`
        #[oai(name = "x-stream-profile")]
        profile_header: Header<Option<String>>,
    ) -> Result<MaybeStream, ApiError> {
        let profile = chosen(&services, &profile, &profile_header)?;
        let cursor = Cursor::first_of([last_event_id.0.as_deref(), after.0.as_deref()]);
        let owner = visitor.owner(&services, session_id.0).await?;
        resumed(&services, &owner, session_id.0.into(), cursor, profile).await
    }

    /// The stream of one turn
    ///
    /// From its beginning or after a cursor; of an ended turn too, as long as its session is
    /// there.
    #[oai(
        path = "/sessions/:session_id/turns/:turn_id/stream",
        method = "get",
        operation_id = "replay_turn"
    )]
    #[expect(clippy::too_many_arguments, reason = "the parameters of the route")]
    async fn replay(
        &self,
        services: Services,
        visitor: Visitor,
        session_id: Path<Uuid>,
        turn_id: Path<Uuid>,
        /// The `id` of the last event that was received
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
        /// The same as `Last-Event-ID`
        after: Query<Option<String>>,
        /// The version of the `ai` package that reads: `v5`, `v6` or `v7`
        profile: Query<Option<String>>,
        /// The same as `profile`
        #[oai(name = "x-stream-profile")]
        profile_header: Header<Option<String>>,
    ) -> Result<Stream, ApiError> {
        let profile = chosen(&services, &profile, &profile_header)?;
        let key = TurnKey {
            session_id: session_id.0.into(),
            turn_id: turn_id.0.into(),
        };
        let owner = visitor.owner(&services, session_id.0).await?;
        let turn = services.store.find_turn(&owner, key).await?;
        let turn = turn.ok_or_else(|| ApiError::no_turn(turn_id.0))?;
        let cursor = Cursor::first_of([last_event_id.0.as_deref(), after.0.as_deref()]);
        let after = cursor
            .filter(|cursor| cursor.turn_id == turn.id)
            .map(|cursor| cursor.position);
        let opening = Opening {
            profile,
            after: after.unwrap_or(Position::ZERO),
            is_resumed: after.is_some(),
        };
        Ok(Stream::Open(open(&services, &turn, opening).await?))
    }
}

pub(super) fn chosen(
    services: &Services,
    query: &Query<Option<String>>,
    header: &Header<Option<String>>,
) -> Result<Profile, ApiError> {
    Profile::chosen(
        query.0.as_deref(),
        header.0.as_deref(),
        services.config.profile,
    )
}

/// The rest of what `cursor` names, else the oldest unfinished turn, else nothing.
pub(super) async fn resumed(
    services: &Services,
    owner: &Owner,
    session: SessionId,
    cursor: Option<Cursor>,
    profile: Profile,
) -> Result<MaybeStream, ApiError> {
    if let Some(Cursor { turn_id, position }) = cursor {
        let key = TurnKey {
            session_id: session,
            turn_id,
        };
        if let Some(turn) = services.store.find_turn(owner, key).await? {
            let opening = Opening {
                profile,
                after: position,
                is_resumed: true,
            };
            return Ok(MaybeStream::Open(open(services, &turn, opening).await?));
        }
    }
    let active = services.store.active_turn(owner, session).await?;
    let Some(turn) = active.ok_or_else(|| ApiError::no_session(session.uuid()))? else {
        return Ok(MaybeStream::Nothing);
    };
    let opening = Opening {
        profile,
        after: Position::ZERO,
        is_resumed: true,
    };
    Ok(MaybeStream::Open(open(services, &turn, opening).await?))
}
