//! Every error on its way to HTTP.

use crate::{
    methods::{Asked, Methods},
    problem::{FieldError, Problem, ProblemJson},
    wrong_parameter::wrong_parameter,
};
use copilot_core::port::{ErrorKind, PortError};
use poem::{
    Endpoint, IntoResponse, PathPattern, Request, Response, Result,
    error::{NotFoundError, ReadBodyError},
    http::StatusCode,
};
use poem_openapi::{
    ApiResponse,
    error::{ContentTypeError, ParseParamError, ParsePathError},
};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::task::JoinError;
use uuid::Uuid;

/// When it is worth coming back after a 429 or a 503, in seconds.
const RETRY_AFTER_SECONDS: u64 = 5;

/// What a route may answer beside what it is for.
#[derive(ApiResponse)]
pub(crate) enum ApiError {
    /// The body is no JSON
    #[oai(status = 400)]
    BadRequest(ProblemJson),
    /// The token is missing, expired or wrong
    #[oai(status = 401)]
    Unauthorized(
        ProblemJson,
        /// What to authorize with
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// Not from this host or origin
    #[oai(status = 403)]
    Forbidden(ProblemJson),
    /// Not there, or not the caller's
    #[oai(status = 404)]
    NotFound(ProblemJson),
    /// The route has no such method
    #[oai(status = 405)]
    MethodNotAllowed(
        ProblemJson,
        /// The methods that it has
        #[oai(header = "Allow")]
        String,
    ),
    /// The body did not arrive in time
    #[oai(status = 408)]
    TooSlow(ProblemJson),
    /// It does not go with what is there
    #[oai(status = 409)]
    Conflict(ProblemJson),
    /// The body is too large
    #[oai(status = 413)]
    TooLarge(ProblemJson),
    /// The address is too long
    #[oai(status = 414)]
    AddressTooLong(ProblemJson),
    /// The body is no `application/json`
    #[oai(status = 415)]
    UnsupportedMediaType(ProblemJson),
    /// A value is wrong; `errors` names the fields
    #[oai(status = 422)]
    Invalid(ProblemJson),
    /// Too many unfinished turns
    #[oai(status = 429)]
    TooMany(
        ProblemJson,
        /// Seconds after which it is worth trying again
        #[oai(header = "Retry-After")]
        u64,
    ),
    /// The headers are too large
    #[oai(status = 431)]
    HeadersTooLarge(ProblemJson),
    /// A fault of ours
    #[oai(status = 500)]
    Internal(ProblemJson),
    /// Something behind the server is away
    #[oai(status = 503)]
    Unavailable(
        ProblemJson,
        /// Seconds after which it is worth trying again
        #[oai(header = "Retry-After")]
        u64,
    ),
}

impl ApiError {
    pub(crate) fn bad_request(code: &str, detail: impl Into<String>) -> Self {
        Self::BadRequest(Problem::new(400, code, detail).into())
    }

    pub(crate) fn unauthorized(code: &str, detail: &str) -> Self {
        Self::Unauthorized(Problem::new(401, code, detail).into(), "Bearer".to_owned())
    }

    pub(crate) fn forbidden(code: &str, detail: impl Into<String>) -> Self {
        Self::Forbidden(Problem::new(403, code, detail).into())
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::NotFound(Problem::new(404, "not_found", detail).into())
    }

    pub(crate) fn no_session(id: Uuid) -> Self {
        Self::not_found(format!("no session {id}"))
    }

    pub(crate) fn no_turn(id: Uuid) -> Self {
        Self::not_found(format!("no turn {id} in this session"))
    }

    pub(crate) fn conflict(code: &str, detail: impl Into<String>) -> Self {
        Self::Conflict(Problem::new(409, code, detail).into())
    }

    pub(crate) fn busy(turn_id: Uuid) -> Self {
        let detail = format!("the session is busy with turn {turn_id}");
        Self::Conflict(
            Problem::new(409, "session_busy", detail)
                .with_turn(turn_id)
                .into(),
        )
    }

    pub(crate) fn method_not_allowed(allowed: String) -> Self {
        let detail = format!("the route has no such method; it has {allowed}");
        let problem = Problem::new(405, "method_not_allowed", detail);
        Self::MethodNotAllowed(problem.into(), allowed)
    }

    pub(crate) fn too_slow(limit: Duration) -> Self {
        let detail = format!("the body did not arrive within {} s", limit.as_secs());
        Self::TooSlow(Problem::new(408, "request_timeout", detail).into())
    }

    pub(crate) fn address_too_long(limit_bytes: usize) -> Self {
        let detail = format!("the address has more than {limit_bytes} bytes");
        Self::AddressTooLong(Problem::new(414, "address_too_long", detail).into())
    }

    pub(crate) fn headers_too_large(limit_bytes: usize) -> Self {
        let detail = format!("the headers have more than {limit_bytes} bytes in all");
        Self::HeadersTooLarge(Problem::new(431, "headers_too_large", detail).into())
    }

    pub(crate) fn too_large(limit_bytes: usize) -> Self {
        let detail = format!("the body has more than {limit_bytes} bytes");
        Self::TooLarge(Problem::new(413, "body_too_large", detail).into())
    }

    pub(crate) fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::UnsupportedMediaType(Problem::new(415, "unsupported_media_type", detail).into())
    }

    /// One field is wrong.
    pub(crate) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::invalid_fields(vec![FieldError::new(field, message)])
    }

    /// These fields are wrong.
    pub(crate) fn invalid_fields(errors: Vec<FieldError>) -> Self {
        Self::invalid_as("invalid_value", "a value of the request is wrong", errors)
    }

    pub(crate) fn invalid_as(code: &str, detail: &str, errors: Vec<FieldError>) -> Self {
        Self::Invalid(Problem::new(422, code, detail).with_errors(errors).into())
    }

    pub(crate) fn too_many_turns() -> Self {
        let detail = "the caller has as many unfinished turns as allowed";
        Self::TooMany(
            Problem::new(429, "too_many_turns", detail).into(),
            RETRY_AFTER_SECONDS,
        )
    }

    pub(crate) fn internal() -> Self {
        let detail = "a fault of ours; the log has it under this request id";
        Self::Internal(Problem::new(500, "internal", detail).into())
    }

    pub(crate) fn unavailable(code: &str, detail: impl Into<String>) -> Self {
        Self::Unavailable(Problem::new(503, code, detail).into(), RETRY_AFTER_SECONDS)
    }
}

impl ApiError {
    /// A task that a request waited for has panicked.
    #[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
    pub(crate) fn lost_task(error: JoinError) -> Self {
        tracing::error!(%error, "request failed");
        Self::internal()
    }
}

impl From<PortError> for ApiError {
    /// Logs the error: this is where it is handled.
    fn from(error: PortError) -> Self {
        let cause = causes(&error);
        match error.kind {
            ErrorKind::Unavailable => {
                tracing::warn!(doing = error.doing, %cause, "something behind the server is away");
                Self::unavailable("unavailable", "the server cannot do that just now")
            }
            ErrorKind::Broken => {
                tracing::error!(doing = error.doing, %cause, "request failed");
                Self::internal()
            }
        }
    }
}

/// What lies behind an error, in one line.
pub(crate) fn causes(error: &dyn Error) -> String {
    std::iter::successors(error.source(), |&cause| cause.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// Gives every error of the framework the shape of ours.
pub(crate) async fn shaped<E: Endpoint>(
    endpoint: Arc<E>,
    request: Request,
    methods: Arc<Methods>,
) -> Result<Response> {
    let asked = Asked {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
    };
    Ok(match endpoint.call(request).await {
        Ok(output) => output.into_response(),
        Err(error) => {
            let route = error.data::<PathPattern>().cloned();
            let mut response = respond(error, &asked, &methods);
            if let Some(route) = route {
                response.set_data(route);
            }
            response
        }
    })
}

fn respond(error: poem::Error, asked: &Asked, methods: &Methods) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    if error.status() == StatusCode::METHOD_NOT_ALLOWED {
        return methods.answer(asked);
    }
    translate(&error).into_response()
}

fn translate(error: &poem::Error) -> ApiError {
    if error.is::<ParsePathError>() || error.is::<poem::error::ParsePathError>() {
        return ApiError::not_found("the path names nothing that is here");
    }
    if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
        return ApiError::invalid(name, wrong_parameter(reason));
    }
    if let Some(error) = error.downcast_ref::<ContentTypeError>() {
        return ApiError::unsupported_media_type(error.to_string());
    }
    if error.is::<ReadBodyError>() {
        return ApiError::bad_request("unreadable_body", "the body could not be read");
    }
    if error.is::<NotFoundError>() {
        return ApiError::not_found("no such route");
    }
    match error.status() {
        StatusCode::BAD_REQUEST => {
            ApiError::bad_request("bad_request", "the request cannot be read")
        }
        StatusCode::NOT_FOUND => ApiError::not_found("no such route"),
        _ => {
            tracing::error!(%error, "request failed");
            ApiError::internal()
        }
    }
}
