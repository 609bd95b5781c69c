//! Where the keys are published.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::key::SigningKey;
use crate::llm::Gate;

/// A fake identity provider. Dropping it closes its port.
pub struct IdentityProvider {
    address: String,
    shared: Arc<Mutex<Shown>>,
    _server: JoinSet<()>,
}

/// What it shows, and how often it was asked.
struct Shown {
    requests: usize,
    status: StatusCode,
    body: String,
    delay: Duration,
    gate: Option<Gate>,
}

impl IdentityProvider {
    /// A provider without any key.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Mutex::new(Shown {
            requests: 0,
            status: StatusCode::OK,
            body: json!({"keys": []}).to_string(),
            delay: Duration::ZERO,
            gate: None,
        }));
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _server: server,
        }
    }

    /// What goes into `auth.jwks_url`.
    pub fn jwks_url(&self) -> String {
        format!("http://{}/.well-known/jwks.json", self.address)
    }

    /// Publish these keys, and no others, at once and in good health.
    pub fn publish(&self, keys: &[SigningKey]) {
        let keys: Vec<Value> = keys.iter().map(SigningKey::published).collect();
        self.answer_body(json!({ "keys": keys }).to_string());
    }

    /// Answer with this body.
    pub fn answer_body(&self, body: impl Into<String>) {
        let mut shown = shown(&self.shared);
        shown.status = StatusCode::OK;
        shown.body = body.into();
        shown.delay = Duration::ZERO;
        shown.gate = None;
    }

    /// Answer with this status.
    pub fn answer_status(&self, status: u16) {
        shown(&self.shared).status = StatusCode::from_u16(status).expect("an HTTP status");
    }

    /// Answer only after so long.
    pub fn answer_after(&self, delay: Duration) {
        shown(&self.shared).delay = delay;
    }

    /// Answer nobody until the gate is opened.
    pub fn hold(&self) -> Gate {
        let gate = Gate::default();
        shown(&self.shared).gate = Some(gate.clone());
        gate
    }

    /// How often it was asked.
    pub fn requests(&self) -> usize {
        shown(&self.shared).requests
    }
}

fn shown(shared: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, shared: Arc<Mutex<Shown>>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(|request| answer(&shared, request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service);
            // A client that gave up waiting is what some tests are about.
            connection.await.ok();
        });
    }
}

async fn answer(
    shared: &Mutex<Shown>,
    _request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (delay, gate) = {
        let mut shown = shown(shared);
        shown.requests += 1;
        (shown.delay, shown.gate.clone())
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if let Some(gate) = gate {
        gate.pass().await;
    }
    let shown = shown(shared);
    let mut response = Response::new(Full::from(shown.body.clone()));
    *response.status_mut() = shown.status;
    Ok(response)
}
