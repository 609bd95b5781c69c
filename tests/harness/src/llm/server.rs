//! HTTP in front of the upstream's script.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::anthropic;
use super::chat_request::ChatRequest;
use super::frames::Step;
use super::protocol::Protocol;
use super::reply::{Refusal, Reply};
use super::reply_body::{ReplyBody, full, steps};
use super::upstream::Shared;
use super::wire;

/// Accept until dropped; the connections end with it.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((socket, _)) = accepted else { continue };
                // Deltas are small and must not wait for one another.
                socket.set_nodelay(true).ok();
                let of_connection = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        answer(Arc::clone(&of_connection), request)
                    });
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service);
                    // A broken connection is either the reply's intent or the client's.
                    connection.await.ok();
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Ok(plain_error(StatusCode::BAD_REQUEST, "the body broke off"));
    };
    let path = parts.uri.path();
    if parts.method == Method::GET && path.ends_with("/models") {
        let models = json!({"object": "list", "data": [{"id": "fake", "object": "model"}]});
        return Ok(json_response(
            StatusCode::OK,
            Bytes::from(models.to_string()),
        ));
    }
    let protocol = Protocol::of(path).filter(|_| parts.method == Method::POST);
    let Some(protocol) = protocol else {
        shared.complain(format!("{} {path} is no route of the model", parts.method));
        return Ok(plain_error(StatusCode::NOT_FOUND, "no such route"));
    };
    let Ok(body) = serde_json::from_slice::<Value>(&body.to_bytes()) else {
        shared.complain("a body that is no JSON".to_owned());
        return Ok(plain_error(StatusCode::BAD_REQUEST, "no JSON"));
    };
    if shared.wants_key() && !parts.headers.contains_key(protocol.key_header()) {
        shared.complain("a request without a key".to_owned());
    }
    let (request, reply) = shared.take(parts.headers, protocol, body);
    Ok(act(&shared, &request, &reply).await)
}

async fn act(shared: &Arc<Shared>, request: &ChatRequest, reply: &Reply) -> Response<ReplyBody> {
    let mut open = shared.open_reply();
    if !reply.first_byte_delay.is_zero() {
        tokio::time::sleep(reply.first_byte_delay).await;
    }
    if let Some(gate) = &reply.first_byte_gate {
        gate.pass().await;
    }
    if let Some(refusal) = &reply.status {
        open.complete();
        return refused(refusal, request.protocol);
    }
    let acts = match request.protocol {
        Protocol::OpenAi => wire::stream(reply, request),
        Protocol::Anthropic => anthropic::wire::stream(reply, request),
    };
    if request.is_stream() {
        return Response::builder()
            .header(CONTENT_TYPE, "text/event-stream; charset=utf-8")
            .header(CACHE_CONTROL, "no-cache")
            .header("x-request-id", format!("req_{}", request.number))
            .body(steps(acts, open))
            .expect("the headers are valid");
    }
    // Without a stream the same waits and faults come before the one body.
    let mut waits: Vec<Step> = acts
        .into_iter()
        .filter(|step| !matches!(step, Step::Send(_)))
        .collect();
    if !matches!(waits.last(), Some(Step::Break | Step::Hang)) {
        waits.push(Step::Send(wire::whole(reply, request)));
    }
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(steps(waits, open))
        .expect("the headers are valid")
}

fn refused(refusal: &Refusal, protocol: Protocol) -> Response<ReplyBody> {
    let status = StatusCode::from_u16(refusal.status).expect("an HTTP status");
    let body = match protocol {
        Protocol::OpenAi => wire::error(refusal),
        Protocol::Anthropic => anthropic::wire::error(refusal),
    };
    let mut response = json_response(status, body);
    if let Some(seconds) = &refusal.retry_after {
        let value = seconds.parse().expect("digits are a header value");
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

fn plain_error(status: StatusCode, message: &str) -> Response<ReplyBody> {
    let body = json!({"error": {"message": message, "type": "invalid_request_error"}});
    json_response(status, Bytes::from(body.to_string()))
}

fn json_response(status: StatusCode, body: Bytes) -> Response<ReplyBody> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .body(full(body))
        .expect("the headers are valid")
}
