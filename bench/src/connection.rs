//! One keep-alive HTTP/1.1 connection.

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::{net::TcpStream, task::JoinHandle};

pub(crate) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    address: SocketAddr,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    #[expect(
        clippy::disallowed_methods,
        reason = "aborted when the connection is dropped"
    )]
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move {
            // A broken connection shows in the request that runs on it.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            address,
            driver,
        })
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Incoming> {
        let request = Request::post(path)
            .header(header::HOST, self.address.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        ensure!(
            response.status().is_success(),
            "{path}: {}",
            response.status()
        );
        Ok(response.into_body())
    }

    pub(crate) async fn post_json(&mut self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let bytes = self.post(path, body).await?.collect().await?.to_bytes();
        Ok(serde_json::from_slice(&bytes)?)
    }

    pub(crate) async fn session(&mut self) -> anyhow::Result<String> {
        let session = self
            .post_json("/api/chat/sessions", &serde_json::json!({}))
            .await?;
        Ok(session["id"]
            .as_str()
            .context("a session without id")?
            .to_owned())
    }
}
