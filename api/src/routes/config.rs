//! Settings that clients may know.

use crate::{dto::health::Ttl, error::ApiError, openapi::Tag, state::Services};
use poem_openapi::{OpenApi, payload::Json};

pub(crate) struct ConfigRoutes;

#[OpenApi(prefix_path = "/api/chat", tag = "Tag::Health")]
impl ConfigRoutes {
    /// How long a finished turn's live stream stays
    ///
    /// Counted from the turn's end. A replay is possible later too, from what is saved.
    #[oai(path = "/config/ttl", method = "get", operation_id = "get_ttl_config")]
    #[expect(clippy::unused_async, reason = "handlers are async")]
    async fn ttl(&self, services: Services) -> Result<Json<Ttl>, ApiError> {
        Ok(Json(services.config.stream_ttl.into()))
    }
}
