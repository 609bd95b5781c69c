//! Names every request, and puts on its response what every response carries.

use crate::{
    limits::REQUEST_ID_CHARS,
    problem,
    request_span::{request_span, traceparent},
};
use copilot_core::id::IdSource;
use poem::{
    Endpoint, Request, Response, Result,
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS},
    },
};
use std::sync::Arc;
use tracing::Instrument;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Keeps the client's id of the request, or makes one; keeps its trace, if it has one.
pub(crate) async fn named<E: Endpoint>(
    endpoint: Arc<E>,
    mut request: Request,
    ids: Arc<dyn IdSource>,
) -> Result<Response> {
    let id = kept(request.headers()).unwrap_or_else(|| ids.next().to_string());
    let trace = traceparent(request.headers());
    let span = request_span(&request, &id, trace.as_ref());
    if let Some(trace) = &trace {
        request.set_data(trace.clone());
    }
    let response = endpoint.get_response(request).instrument(span).await;
    let mut response = problem::complete(response, &id).await;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(X_REQUEST_ID, id);
    }
    if let Some(Ok(trace)) = trace.map(|trace| HeaderValue::try_from(trace.as_str())) {
        headers.insert(TRACEPARENT, trace);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    Ok(response)
}

fn kept(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let is_good = (1..=REQUEST_ID_CHARS).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_good.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_kept_if_it_is_short_and_visible() {
        let long = "x".repeat(129);
        for (sent, expected) in [
            ("abc-1", true),
            (&"x".repeat(128), true),
            (&long, false),
            ("", false),
            ("a b", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_str(sent).unwrap());
            assert_eq!(kept(&headers).is_some(), expected, "{sent:?}");
        }
    }
}
