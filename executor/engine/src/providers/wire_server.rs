//! A server for one connection, whose bytes a test writes itself.

use super::server::ServerConfig;
use crate::{
    model_message::ModelMessage,
    provider::{Delta, ModelRequest, Provider},
    provider_error::ProviderError,
};
use futures::StreamExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// How a streamed answer begins.
pub(super) const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// The server, and a provider that asks it.
pub(super) struct WireServer<P> {
    listener: TcpListener,
    pub(super) provider: P,
}

impl<P: Provider> WireServer<P> {
    pub(super) async fn start(provider: impl FnOnce(&ServerConfig) -> P) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let provider = provider(&config(&format!("http://{address}/v1")));
        Self { listener, provider }
    }

    /// Takes the connection and its whole request.
    pub(super) async fn accept(&self) -> (TcpStream, String) {
        let (mut socket, _) = self.listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        let request = read_request(&mut socket).await;
        (socket, request)
    }

    /// What comes of an answer with these bytes, written piece by piece.
    pub(super) async fn answered(&self, pieces: &[&[u8]]) -> (Vec<Delta>, Option<ProviderError>) {
        let serve = async {
            let (mut socket, _) = self.accept().await;
            for piece in pieces {
                socket.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            socket.shutdown().await.unwrap();
        };
        let asked = request();
        tokio::join!(collect(&self.provider, &asked), serve).0
    }

    /// What comes of an answer with this status.
    pub(super) async fn refused(&self, status: &str, headers: &str, body: &str) -> ProviderError {
        let length = body.len();
        let bytes = format!(
            "HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.answered(&[bytes.as_bytes()]).await.1.unwrap()
    }
}

pub(super) fn config(base_url: &str) -> ServerConfig {
    ServerConfig {
        base_url: base_url.to_owned(),
        api_key: Some("sk-secret".to_owned().into()),
        headers: vec![("x-team".into(), "blue".into())],
    }
}

pub(super) async fn read_request(socket: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")
                        .map(str::to_owned)
                })
                .map_or(0, |length| length.parse::<usize>().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        assert_ne!(socket.read_buf(&mut request).await.unwrap(), 0);
    }
}

pub(super) fn request() -> ModelRequest {
    ModelRequest {
        model: "claude-like-high".into(),
        messages: vec![ModelMessage::System("s".into()), ModelMessage::user("u")],
        tools: [].into(),
        temperature: None,
        max_output_tokens: None,
        reasoning: None,
    }
}

pub(super) async fn collect(
    provider: &dyn Provider,
    request: &ModelRequest,
) -> (Vec<Delta>, Option<ProviderError>) {
    let mut deltas = Vec::new();
    let mut stream = match provider.stream(request).await {
        Ok(stream) => stream,
        Err(error) => return (deltas, Some(error)),
    };
    while let Some(delta) = stream.next().await {
        match delta {
            Ok(Delta::Alive) => {}
            Ok(delta) => deltas.push(delta),
            Err(error) => {
                assert!(
                    stream.next().await.is_none(),
                    "nothing comes after the first error"
                );
                return (deltas, Some(error));
            }
        }
    }
    (deltas, None)
}
