//! The operator's port: `/metrics`, and where nothing else serves them `/livez` and `/readyz`.
//!
//! One request a connection, few connections, short times: whoever reaches this port can cost
//! the process next to nothing.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use copilot_core::service::readiness::{Readiness, Ready};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 16;
/// Largest head of a request; the least that hyper allows.
const HEAD_BYTES: usize = 8192;
/// How long a head may take: who opens a connection here asks at once.
const HEAD_LIMIT: Duration = Duration::from_secs(2);
/// How long a connection may last.
const LIMIT: Duration = Duration::from_secs(10);
/// Rest after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The port cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("metrics.listen: cannot listen on {address} (choose another address, or \"off\")")]
pub struct MetricsListenError {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

/// Listens for operators.
pub struct MetricsListener {
    socket: TcpListener,
}

/// What is told.
struct Pages {
    registry: Registry,
    readiness: Option<Arc<Readiness>>,
}

impl MetricsListener {
    /// Takes the port.
    pub async fn bind(address: SocketAddr) -> Result<Self, MetricsListenError> {
        let bound = TcpListener::bind(address).await;
        let socket = bound.map_err(|source| MetricsListenError { address, source })?;
        Ok(Self { socket })
    }

    /// Answers for as long as `process` runs, drain included, and gives its outcome. With
    /// `readiness` also `/livez` and `/readyz`.
    pub async fn serve_while<F: Future>(
        self,
        registry: Registry,
        readiness: Option<Arc<Readiness>>,
        process: F,
    ) -> F::Output {
        let pages = Arc::new(Pages {
            registry,
            readiness,
        });
        tokio::select! {
            outcome = process => outcome,
            never = self.serve(pages) => match never {},
        }
    }

    async fn serve(self, pages: Arc<Pages>) -> Infallible {
        let mut open = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.socket.accept(), if open.len() < CONNECTIONS => match accepted {
                    Ok((socket, _)) => open.push(answer(socket, Arc::clone(&pages))),
                    Err(error) => {
                        tracing::debug!(%error, "metrics connection not accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(()) = open.next() => {}
            }
        }
    }
}

async fn answer(socket: TcpStream, pages: Arc<Pages>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let pages = Arc::clone(&pages);
        async move { Ok::<_, Infallible>(pages.answer(request.method(), request.uri().path()).await) }
    });
    let connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .max_buf_size(HEAD_BYTES)
            .keep_alive(false)
            .serve_connection(TokioIo::new(socket), service)
    );
    match timeout(LIMIT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "metrics connection ended early"),
        Err(_) => tracing::debug!("metrics connection took too long"),
    }
}

impl Pages {
    async fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        match (path, &self.readiness) {
            ("/metrics", _) | ("/livez" | "/readyz", Some(_)) if method != Method::GET => {
                only_get()
            }
            ("/metrics", _) => self.metrics(),
            ("/livez", Some(_)) => text(StatusCode::OK, "ok\n"),
            ("/readyz", Some(readiness)) => ready(readiness).await,
            _ => text(StatusCode::NOT_FOUND, "not found\n"),
        }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let mut body = String::new();
        if let Err(error) = prometheus_text::encode(&mut body, &self.registry) {
            tracing::error!(%error, "metrics not encoded");
            return text(StatusCode::INTERNAL_SERVER_ERROR, "not encoded\n");
        }
        page(StatusCode::OK, prometheus_text::CONTENT_TYPE, body)
    }
}

async fn ready(readiness: &Readiness) -> Response<Full<Bytes>> {
    let unready = StatusCode::SERVICE_UNAVAILABLE;
    match readiness.ready().await {
        Ready::Yes => text(StatusCode::OK, "ok\n"),
        Ready::Stopping => text(unready, "stopping\n"),
        Ready::Failing(parts) => text(unready, format!("failing: {}\n", parts.join(", "))),
    }
}

fn only_get() -> Response<Full<Bytes>> {
    let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
    let headers = refused.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static("GET"));
    refused
}

fn text(status: StatusCode, words: impl Into<Bytes>) -> Response<Full<Bytes>> {
    page(status, "text/plain; charset=utf-8", words)
}

fn page(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
