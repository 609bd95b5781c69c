//! CORS for the configured origins. Requests of other origins are left as they are: a
//! browser keeps their answers from the page, and local mode refuses them.

use poem::{
    Endpoint, IntoResponse, Request, Response, Result,
    http::{
        HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
            ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
        },
    },
};
use std::sync::Arc;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const REQUEST_HEADERS: &str =
    "authorization, content-type, last-event-id, idempotency-key, x-stream-profile, x-request-id";
const EXPOSED: &str =
    "x-request-id, retry-after, x-vercel-ai-ui-message-stream, content-disposition";
const MAX_AGE_SECONDS: &str = "600";

/// Lets pages of `origins` read the answers, errors too.
pub(crate) async fn crossed<E: Endpoint>(
    endpoint: Arc<E>,
    mut request: Request,
    origins: Arc<[String]>,
) -> Result<Response> {
    let origin = request
        .headers()
        .get(ORIGIN)
        .filter(|origin| is_known(origin, &origins))
        .cloned();
    let Some(origin) = origin else {
        return Ok(endpoint.get_response(request).await);
    };
    request.set_data(KnownPage);
    let mut response = endpoint.get_response(request).await;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
    headers.append(VARY, HeaderValue::from_static("origin"));
    Ok(response)
}

/// The request comes from a page of `server.cors_origins`.
#[derive(Clone)]
struct KnownPage;

/// Answers the preflights of known pages, without a token.
pub(crate) async fn preflighted<E: Endpoint>(
    endpoint: Arc<E>,
    request: Request,
) -> Result<Response> {
    let asks = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if asks && request.data::<KnownPage>().is_some() {
        return Ok(preflight());
    }
    Ok(endpoint.call(request).await?.into_response())
}

fn preflight() -> Response {
    Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(ACCESS_CONTROL_ALLOW_METHODS, METHODS)
        .header(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS)
        .header(ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS)
        .finish()
}

fn is_known(origin: &HeaderValue, origins: &[String]) -> bool {
    origins
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
}
