//! Cancel.

use crate::{
    auth::Caller,
    dto::cancel::{CancelBody, CancelledDto},
    error::ApiError,
    fields::OptionalJsonBody,
    openapi::Tag,
    state::Services,
};
use poem_openapi::{OpenApi, param::Path, payload::Json};
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) struct CancelRoutes;

#[OpenApi(prefix_path = "/api/chat", tag = "Tag::Turns")]
impl CancelRoutes {
    /// Cancel the running turn
    ///
    /// Returns once no executor works on it any more. With `turn_id` no other turn is touched;
    /// without, the running turn and all waiting ones are cancelled. The partial answer stays.
    #[oai(
        path = "/sessions/:session_id/cancel",
        method = "post",
        operation_id = "cancel_session"
    )]
    async fn cancel(
        &self,
        services: Services,
        caller: Caller,
        session_id: Path<Uuid>,
        body: OptionalJsonBody<CancelBody>,
    ) -> Result<Json<CancelledDto>, ApiError> {
        let began = Instant::now();
        let turn_id = body.0.and_then(|body| body.turn_id);
        let session = session_id.0.into();
        let outcome = services
            .canceller
            .cancel(caller.owner(), session, turn_id.map(Into::into))
            .await?;
        let outcome = outcome.ok_or_else(|| match turn_id {
            Some(turn_id) => ApiError::no_turn(turn_id),
            None => ApiError::no_session(session_id.0),
        })?;
        let waited_ms = began.elapsed().as_millis();
        tracing::info!(session_id = %session, outcome = ?outcome.reason, waited_ms, "cancel");
        Ok(Json(outcome.into()))
    }
}
