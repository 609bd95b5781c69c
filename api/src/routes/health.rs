//! Whether it works.

use crate::{
    dto::{Done, health::HealthDto},
    error::ApiError,
    health_probe::Health,
    openapi::Tag,
    state::Services,
};
use copilot_core::service::readiness::Ready;
use poem_openapi::{OpenApi, payload::Json};

pub(crate) struct HealthRoutes;

#[OpenApi(prefix_path = "/api/chat", tag = "Tag::Health")]
impl HealthRoutes {
    /// Whether the chat works
    ///
    /// Really writes and reads through the data layer, at most once a second, and leaves
    /// nothing behind.
    #[oai(path = "/health", method = "get", operation_id = "health_check")]
    async fn health(&self, services: Services) -> Result<Json<HealthDto>, ApiError> {
        match services.health.health().await {
            Health::Good => Ok(Json(HealthDto::healthy())),
            Health::Bad => Err(ApiError::unavailable(
                "unhealthy",
                "the data layer does not work",
            )),
        }
    }
}

pub(crate) struct ProbeRoutes;

#[OpenApi(tag = "Tag::Health")]
impl ProbeRoutes {
    /// Whether the process lives
    ///
    /// Asks nothing of anybody.
    #[oai(path = "/livez", method = "get", operation_id = "livez")]
    #[expect(clippy::unused_async, reason = "handlers are async")]
    async fn live(&self) -> Result<Json<Done>, ApiError> {
        Ok(Json(Done::ok()))
    }

    /// Whether requests should come here
    ///
    /// Checks what the process needs and says which part fails; writes nothing.
    #[oai(path = "/readyz", method = "get", operation_id = "readyz")]
    async fn ready(&self, services: Services) -> Result<Json<Done>, ApiError> {
        match services.readiness.ready().await {
            Ready::Yes => Ok(Json(Done::ok())),
            Ready::Stopping => Err(ApiError::unavailable(
                "stopping",
                "the server is about to stop",
            )),
            Ready::Failing(parts) => Err(ApiError::unavailable(
                "not_ready",
                format!("failing: {}", parts.join(", ")),
            )),
        }
    }
}
