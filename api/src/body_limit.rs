//! Reads a request's body up to a limit. A 413 is sent at once, and what the client still
//! sends is read and dropped for a while: closing on it would lose the answer on its way.

use crate::{error::ApiError, state::ApiState};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use poem::{
    Body, Endpoint, IntoResponse, Request, Response, Result,
    http::{
        Method,
        header::{AUTHORIZATION, CONTENT_LENGTH, EXPECT},
    },
};
use std::{io, pin::Pin, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

/// How long, and how much, a refused body is read on.
const DISCARD_LIMIT: Duration = Duration::from_secs(30);
const DISCARD_BYTES: usize = 1 << 30;
/// What is reserved for a body before it comes.
const RESERVED_BYTES: usize = 64 << 10;

/// Gives the handlers a body that is whole and within the limit.
pub(crate) async fn limited<E: Endpoint>(
    endpoint: Arc<E>,
    mut request: Request,
    state: Arc<ApiState>,
) -> Result<Response> {
    let limit = limit_of(&request, &state);
    let declared = declared_bytes(&request);
    let body = request.take_body();
    if !body.is_empty() {
        let stream: BodyStream = Box::pin(body.into_bytes_stream());
        if will_be_refused(&request, &state) {
            // Before anything of it is held: who shows no token gets no memory.
            discard(stream, &state);
            return Ok(endpoint.call(request).await?.into_response());
        }
        let waits = request.headers().contains_key(EXPECT);
        let bytes = match read(stream, declared, limit, state.config.body_timeout).await? {
            Read::Whole(bytes) => bytes,
            Read::TooLarge(rest) => {
                // Who asked before sending will not send.
                if !waits {
                    discard(rest, &state);
                }
                return Err(ApiError::too_large(limit).into());
            }
        };
        request.set_body(Body::from_bytes(bytes));
    }
    Ok(endpoint.call(request).await?.into_response())
}

type BodyStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

enum Read {
    Whole(Bytes),
    TooLarge(BodyStream),
}

async fn read(
    mut stream: BodyStream,
    declared: Option<usize>,
    limit: usize,
    patience: Duration,
) -> Result<Read, ApiError> {
    if declared.is_some_and(|declared| declared > limit) {
        return Ok(Read::TooLarge(stream));
    }
    let mut bytes = BytesMut::with_capacity(declared.unwrap_or(0).min(RESERVED_BYTES));
    let deadline = Instant::now() + patience;
    while let Some(chunk) = timeout_at(deadline, stream.next())
        .await
        .map_err(|_| ApiError::too_slow(patience))?
    {
        let chunk = chunk.map_err(|error| {
            tracing::debug!(%error, "body not read");
            ApiError::bad_request("unreadable_body", "the body could not be read")
        })?;
        if bytes.len() + chunk.len() > limit {
            return Ok(Read::TooLarge(stream));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Read::Whole(bytes.freeze()))
}

fn discard(mut rest: BodyStream, state: &ApiState) {
    let stopping = state.stopping.clone();
    state.tasks.spawn(async move {
        let reading = async {
            let mut left = DISCARD_BYTES;
            while let Some(Ok(chunk)) = rest.next().await {
                left = left.saturating_sub(chunk.len());
                if left == 0 {
                    break;
                }
            }
        };
        tokio::select! {
            () = reading => {}
            () = tokio::time::sleep(DISCARD_LIMIT) => {}
            () = stopping.cancelled() => {}
        }
    });
}

/// Whether the caller shows no token where nobody is served without one.
fn will_be_refused(request: &Request, state: &ApiState) -> bool {
    let auth = &state.auth;
    let needs_token = !auth.is_local() && (!auth.allows_anonymous() || is_ai_sdk(request, state));
    needs_token && !request.headers().contains_key(AUTHORIZATION)
}

fn is_ai_sdk(request: &Request, state: &ApiState) -> bool {
    let path = request
        .uri()
        .path()
        .strip_prefix(state.config.base_path.as_str());
    request.method() == Method::POST && path == Some("/api/chat")
}

fn limit_of(request: &Request, state: &ApiState) -> usize {
    if is_ai_sdk(request, state) {
        state.config.ai_sdk_max_body_bytes
    } else {
        state.config.max_body_bytes
    }
}

fn declared_bytes(request: &Request) -> Option<usize> {
    request
        .headers()
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
