//! Cancel.

use crate::{
    auth::Visitor,
    dto::cancel::{CancelBody, CancelledDto},
    error::ApiError,
    fields::OptionalJsonBody,
    metrics::ApiMetrics,
    openapi::Tag,
    state::Services,
};
use copilot_core::service::cancelling::CancelReason;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use tokio::time::Instant;
use tracing::Instrument;
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
        visitor: Visitor,
        session_id: Path<Uuid>,
        body: OptionalJsonBody<CancelBody>,
    ) -> Result<Json<CancelledDto>, ApiError> {
        let began = Instant::now();
        let turn_id = body.0.and_then(|body| body.turn_id);
        let session = session_id.0.into();
        let owner = visitor.owner(&services, session_id.0).await?;
        // A client that hangs up meanwhile leaves nothing half cancelled.
        let canceller = services.canceller.clone();
        let cancelling = async move {
            let turn = turn_id.map(Into::into);
            canceller.cancel(&owner, session, turn).await
        };
        let done = services.tasks.spawn(cancelling.in_current_span()).await;
        let outcome = done.map_err(ApiError::lost_task)??;
        let outcome = outcome.ok_or_else(|| match turn_id {
            Some(turn_id) => ApiError::no_turn(turn_id),
            None => ApiError::no_session(session_id.0),
        })?;
        let waited = began.elapsed();
        match outcome.reason {
            Some(CancelReason::NoActiveSession) => ApiMetrics::cancelled_nothing(session, waited),
            Some(CancelReason::Dequeued) => services.metrics.cancelled(session, "dequeued", waited),
            Some(CancelReason::Forced) => services.metrics.cancelled(session, "forced", waited),
            None => services.metrics.cancelled(session, "stopped", waited),
        }
        Ok(Json(outcome.into()))
    }
}
