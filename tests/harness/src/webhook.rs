//! A receiver of webhooks.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::deadline::{DEADLINE, poll_until};
use crate::llm::Gate;

/// Takes JSON bodies and answers as it is told, else with 204.
#[derive(Debug)]
pub struct FakeWebhook {
    shared: Arc<Shared>,
    address: String,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    script: Mutex<VecDeque<Answer>>,
    received: Mutex<Vec<Value>>,
}

#[derive(Clone, Debug)]
enum Answer {
    Status(u16),
    Wait(Gate),
}

impl FakeWebhook {
    /// Start on a port of its own.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::<Shared>::default();
        let serving = serve(listener, Arc::clone(&shared));
        Self {
            shared,
            address: address.to_string(),
            #[expect(clippy::disallowed_methods, reason = "ended by drop, at once")]
            server: tokio::spawn(serving),
        }
    }

    /// Its address, with this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answer the next requests with these statuses.
    pub fn answer(&self, statuses: impl IntoIterator<Item = u16>) {
        let answers = statuses.into_iter().map(Answer::Status);
        lock(&self.shared.script).extend(answers);
    }

    /// Hold the answer to the next request until the gate opens.
    pub fn hold(&self, gate: &Gate) {
        lock(&self.shared.script).push_back(Answer::Wait(gate.clone()));
    }

    /// All bodies so far, also of requests that were answered with an error.
    pub fn received(&self) -> Vec<Value> {
        lock(&self.shared.received).clone()
    }

    /// Wait for so many bodies.
    pub async fn received_at_least(&self, count: usize) -> Vec<Value> {
        poll_until(
            DEADLINE,
            || format!("{count} events, not only {:?}", self.received()),
            || async { self.received().len() >= count },
        )
        .await;
        self.received()
    }
}

impl Drop for FakeWebhook {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((socket, _)) = accepted else { continue };
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(move |request| take(Arc::clone(&shared), request));
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service);
                    // A client that gave up is part of the test.
                    connection.await.ok();
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn take(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_post = request.method() == Method::POST;
    let body = request.into_body().collect().await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let event = serde_json::from_slice(&body).unwrap_or(Value::Null);
    lock(&shared.received).push(event);
    let answer = lock(&shared.script).pop_front();
    let status = match answer {
        _ if !is_post => 405,
        Some(Answer::Status(status)) => status,
        Some(Answer::Wait(gate)) => {
            gate.pass().await;
            204
        }
        None => 204,
    };
    let status = StatusCode::from_u16(status).expect("an HTTP status");
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
