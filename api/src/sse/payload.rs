//! An event stream as the OpenAPI document knows it.

use crate::openapi::placeholder;
use poem::{
    Body, IntoResponse, Response,
    http::header::{CACHE_CONTROL, CONNECTION},
};
use poem_openapi::{
    payload::Payload,
    registry::{MetaSchemaRef, Registry},
};

const MEDIA_TYPE: &str = "text/event-stream";
const SCHEMA: &str = "StreamEvent";

/// An open event stream.
pub(crate) struct EventStream(pub(crate) Body);

impl Payload for EventStream {
    const CONTENT_TYPE: &'static str = MEDIA_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        placeholder::reference(SCHEMA)
    }

    fn register(registry: &mut Registry) {
        placeholder::register::<Self>(registry, SCHEMA);
    }
}

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type(MEDIA_TYPE)
            .header(CACHE_CONTROL, "no-cache, no-transform")
            .header(CONNECTION, "keep-alive")
            .header("x-accel-buffering", "no")
            .header("x-vercel-ai-ui-message-stream", "v1")
            .body(self.0)
    }
}
