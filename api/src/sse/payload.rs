//! An event stream as the OpenAPI document knows it.

use poem::{
    Body, IntoResponse, Response,
    http::header::{CACHE_CONTROL, CONNECTION},
};
use poem_openapi::{
    payload::Payload,
    registry::{MetaSchema, MetaSchemaRef},
};

const MEDIA_TYPE: &str = "text/event-stream";

/// An open event stream.
pub(crate) struct EventStream(pub(crate) Body);

impl Payload for EventStream {
    const CONTENT_TYPE: &'static str = MEDIA_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some(
                "Each event: `id: <cursor>` and `data: <JSON>`, an event of the UI message \
                 stream; the last is `data: [DONE]`.",
            ),
            ..MetaSchema::new("string")
        }))
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
