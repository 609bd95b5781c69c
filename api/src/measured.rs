//! Counts and times every answer, by the template of its route.

use crate::metrics::ApiMetrics;
use poem::{Endpoint, PathPattern, Request, Response, Result};
use std::sync::Arc;
use tokio::time::Instant;

/// Answers, and counts that.
pub(crate) async fn measured<E: Endpoint>(
    endpoint: Arc<E>,
    request: Request,
    metrics: Arc<ApiMetrics>,
) -> Result<Response> {
    let began = Instant::now();
    let method = request.method().clone();
    let response = endpoint.get_response(request).await;
    let route = response
        .data::<PathPattern>()
        .map(|pattern| template(&pattern.0));
    metrics.answered(&method, route, response.status(), began.elapsed());
    Ok(response)
}

/// The pattern as it is shown: the framework numbers the parameters of a path (`:param0`).
fn template(pattern: &Arc<str>) -> Arc<str> {
    if !pattern.contains("/:") {
        return Arc::clone(pattern);
    }
    let segments = pattern.split('/').map(|segment| {
        if segment.starts_with(':') {
            ":id"
        } else {
            segment
        }
    });
    segments.collect::<Vec<_>>().join("/").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_shown_without_their_numbers() {
        for (pattern, expected) in [
            (
                "/api/chat/sessions/:param0/turns/:param1",
                "/api/chat/sessions/:id/turns/:id",
            ),
            ("/api/chat/sessions", "/api/chat/sessions"),
            ("/", "/"),
        ] {
            assert_eq!(*template(&pattern.into()), *expected);
        }
    }
}
