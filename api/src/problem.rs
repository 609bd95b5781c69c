//! The body of every error: RFC 9457.

use poem::{Body, IntoResponse, Response, http::header::CONTENT_TYPE};
use poem_openapi::{
    Object,
    payload::Payload,
    registry::{MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;
use uuid::Uuid;

const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong.
#[derive(Clone, Debug, Object, Serialize)]
pub(crate) struct Problem {
    /// The kind of problem, as a URI
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words
    title: String,
    /// The HTTP status again
    status: u16,
    /// The kind for programs
    code: String,
    /// What happened this time
    detail: String,
    /// The fields that are wrong
    #[oai(skip_serializing_if_is_empty)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// The turn that a session is busy with
    #[serde(skip_serializing_if = "Option::is_none")]
    turn_id: Option<Uuid>,
    /// The same as in `x-request-id`
    #[serde(skip)]
    request_id: String,
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize)]
pub(crate) struct FieldError {
    /// Its name
    field: String,
    /// What is wrong with it
    message: String,
}

impl FieldError {
    /// `field` is wrong.
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }

    pub(crate) fn is_about(&self, field: &str) -> bool {
        self.field == field
    }
}

impl Problem {
    /// A problem of `code`. The request's id is added when the response leaves.
    pub(crate) fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        let words = code.replace('_', " ");
        Self {
            kind: format!("urn:copilot:problem:{code}"),
            title: words,
            status,
            code: code.to_owned(),
            detail: detail.into(),
            errors: Vec::new(),
            turn_id: None,
            request_id: String::new(),
        }
    }

    /// The same with its wrong fields.
    #[must_use]
    pub(crate) fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    /// The same with the turn that is in the way.
    #[must_use]
    pub(crate) fn with_turn(self, turn_id: Uuid) -> Self {
        Self {
            turn_id: Some(turn_id),
            ..self
        }
    }
}

/// A problem as a payload. Its body lacks the request's id, which [`complete`] adds.
pub(crate) struct ProblemJson(Box<Problem>);

impl From<Problem> for ProblemJson {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl Payload for ProblemJson {
    const CONTENT_TYPE: &'static str = MEDIA_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        Problem::schema_ref()
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

impl IntoResponse for ProblemJson {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        Response::builder().content_type(MEDIA_TYPE).body(body)
    }
}

/// Puts the request's id into the body, if the response is a problem.
pub(crate) async fn complete(mut response: Response, request_id: &str) -> Response {
    let is_problem = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == MEDIA_TYPE);
    if !is_problem {
        return response;
    }
    let body = response.take_body().into_bytes().await.unwrap_or_default();
    let mut fields: serde_json::Map<_, _> = serde_json::from_slice(&body).unwrap_or_default();
    fields.insert("request_id".to_owned(), request_id.into());
    response.set_body(Body::from_vec(
        serde_json::to_vec(&fields).unwrap_or_default(),
    ));
    response
}
