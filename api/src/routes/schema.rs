//! What tools return, for clients that generate types from it.

use crate::{
    error::ApiError,
    openapi::{Tag, placeholder},
    problem::{Problem, ProblemJson},
};
use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse, OpenApi,
    payload::Payload,
    registry::{MetaSchemaRef, Registry},
};
use std::convert::Infallible;

pub(crate) struct SchemaRoutes;

/// Is there for the document alone.
#[derive(ApiResponse)]
pub(crate) enum ToolResponseSchema {
    /// The `output` of `tool-output-available`: what each tool returns
    #[oai(status = 200)]
    #[expect(dead_code, reason = "never sent, so that the document can name it")]
    Schema(ToolOutput),
    /// The schema is in the document; the route has no other answer
    #[oai(status = 501)]
    NotImplemented(ProblemJson),
}

#[OpenApi(prefix_path = "/api/chat", tag = "Tag::Tools")]
impl SchemaRoutes {
    /// The schema of what tools return
    ///
    /// Always 501: its documented 200 answer is the union of all tool results, for clients that
    /// generate types from this document.
    #[oai(
        path = "/schema/tool-responses",
        method = "get",
        operation_id = "tool_response_schema"
    )]
    #[expect(clippy::unused_async, reason = "handlers are async")]
    async fn tool_responses(&self) -> Result<ToolResponseSchema, ApiError> {
        let detail = "this route is there for its schema; see /openapi.json";
        let problem = Problem::new(501, "not_implemented", detail);
        Ok(ToolResponseSchema::NotImplemented(problem.into()))
    }
}

/// A tool's result. There is none to send here.
pub(crate) struct ToolOutput(Infallible);

const SCHEMA: &str = "ToolResponse";

impl Payload for ToolOutput {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        placeholder::reference(SCHEMA)
    }

    fn register(registry: &mut Registry) {
        placeholder::register::<Self>(registry, SCHEMA);
    }
}

impl IntoResponse for ToolOutput {
    fn into_response(self) -> Response {
        match self.0 {}
    }
}
