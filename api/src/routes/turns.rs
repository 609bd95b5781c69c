//! Turns without a stream.

use crate::{
    accepting::{Said, accept},
    auth::Visitor,
    dto::{
        new_turn::NewTurnBody,
        turn::{TurnDto, TurnList},
    },
    error::ApiError,
    fields::JsonBody,
    openapi::Tag,
    state::Services,
};
use copilot_core::{port::store::Page, turn::TurnKey};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use uuid::Uuid;

pub(crate) struct TurnRoutes;

/// It will run.
#[derive(ApiResponse)]
pub(crate) enum Accepted {
    /// It will run
    #[oai(status = 202)]
    Turn(Json<TurnDto>),
}

fn page_size() -> u32 {
    20
}

#[OpenApi(prefix_path = "/api/chat", tag = "Tag::Turns")]
impl TurnRoutes {
    /// Say something without reading the answer as it is made
    ///
    /// The turn runs in the background. Its stream can be read at any time, also after its end.
    #[oai(
        path = "/sessions/:session_id/turns",
        method = "post",
        operation_id = "start_turn"
    )]
    async fn start(
        &self,
        services: Services,
        visitor: Visitor,
        session_id: Path<Uuid>,
        /// The same as the body's `message_id`
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: JsonBody<NewTurnBody>,
    ) -> Result<Accepted, ApiError> {
        let said = Said::new(body.0, key.0)?;
        let owner = visitor.owner(&services, session_id.0).await?;
        let turn = accept(&services, &owner, session_id.0.into(), said).await?;
        Ok(Accepted::Turn(Json(turn.into())))
    }

    /// A session's turns
    ///
    /// Newest first.
    #[oai(
        path = "/sessions/:session_id/turns",
        method = "get",
        operation_id = "list_turns"
    )]
    async fn list(
        &self,
        services: Services,
        visitor: Visitor,
        session_id: Path<Uuid>,
        /// At most this many
        #[oai(
            default = "page_size",
            validator(minimum(value = "1"), maximum(value = "100"))
        )]
        limit: Query<u32>,
        /// After skipping this many
        #[oai(default)]
        offset: Query<u32>,
    ) -> Result<Json<TurnList>, ApiError> {
        let page = Page {
            limit: limit.0,
            offset: offset.0,
        };
        let owner = visitor.owner(&services, session_id.0).await?;
        let listed = services
            .store
            .list_turns(&owner, session_id.0.into(), page)
            .await?;
        listed
            .map(|listed| Json(listed.into()))
            .ok_or_else(|| ApiError::no_session(session_id.0))
    }

    /// Where a turn stands
    ///
    /// With what it used, how it ended, and why it failed if it did.
    #[oai(
        path = "/sessions/:session_id/turns/:turn_id",
        method = "get",
        operation_id = "get_turn"
    )]
    async fn read(
        &self,
        services: Services,
        visitor: Visitor,
        session_id: Path<Uuid>,
        turn_id: Path<Uuid>,
    ) -> Result<Json<TurnDto>, ApiError> {
        let key = TurnKey {
            session_id: session_id.0.into(),
            turn_id: turn_id.0.into(),
        };
        let owner = visitor.owner(&services, session_id.0).await?;
        let turn = services.store.find_turn(&owner, key).await?;
        turn.map(|turn| Json(turn.into()))
            .ok_or_else(|| ApiError::no_turn(turn_id.0))
    }
}
