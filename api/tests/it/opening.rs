//! Over a real connection: what a client sees while something is still on its way.

use crate::fakes::{self, FakeStore, session_id};
use copilot_api::{ApiConfig, serve};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// A server on a port of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) soft_stop: CancellationToken,
    pub(crate) hard_stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) async fn start(config: ApiConfig) -> Self {
        let store = Arc::new(FakeStore::default());
        let state = fakes::state(&store, config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (soft_stop, hard_stop) = (CancellationToken::new(), CancellationToken::new());
        #[expect(clippy::disallowed_methods, reason = "the test holds the handle")]
        let task = tokio::spawn(serve(listener, state, soft_stop.clone(), hard_stop.clone()));
        Self {
            address,
            soft_stop,
            hard_stop,
            task: Some(task),
        }
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) {
        let task = self.task.take().unwrap();
        timeout(DEADLINE, task)
            .await
            .expect("the server ends")
            .unwrap();
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection {
            socket: TcpStream::connect(self.address).await.unwrap(),
            read: String::new(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Connection {
        let mut connection = self.connect().await;
        connection
            .write(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))
            .await;
        connection
    }

    /// Opens a stream of a new turn that nobody answers.
    pub(crate) async fn open_stream(&self) -> Connection {
        let mut connection = self.connect().await;
        let body = r#"{"message":"hi"}"#;
        let head = format!(
            "POST /api/chat/sessions/{}/stream HTTP/1.1\r\nhost: localhost\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            session_id(),
            body.len()
        );
        connection.write(&(head + body)).await;
        connection.until("\"type\":\"start\"").await;
        connection
    }
}

const DEADLINE: Duration = Duration::from_secs(10);

/// A raw connection and all that it said.
pub(crate) struct Connection {
    socket: TcpStream,
    pub(crate) read: String,
}

impl Connection {
    pub(crate) async fn write(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn until(&mut self, text: &str) {
        while !self.read.contains(text) {
            assert!(self.more().await, "closed before {text:?}: {}", self.read);
        }
    }

    pub(crate) async fn read_to_end(&mut self) {
        while self.more().await {}
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let read = timeout(DEADLINE, self.socket.read(&mut buffer))
            .await
            .expect("something to read")
            .unwrap_or(0);
        self.read
            .push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        read > 0
    }
}

#[tokio::test]
async fn the_first_bytes_leave_at_once_and_the_opening_with_them() {
    let server = Server::start(ApiConfig::default()).await;
    let stream = server.open_stream().await;
    assert!(stream.read.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(stream.read.contains("transfer-encoding: chunked\r\n"));
    assert!(stream.read.contains(&format!(":{}", " ".repeat(2000))));
}

#[tokio::test]
async fn a_413_is_read_by_a_client_that_still_sends() {
    let config = ApiConfig {
        max_body_bytes: 1000,
        ..ApiConfig::default()
    };
    let server = Server::start(config).await;
    for length in ["content-length: 50000000", "transfer-encoding: chunked"] {
        let mut client = server.connect().await;
        client
            .write(&format!(
                "POST /api/chat/sessions/{}/turns HTTP/1.1\r\nhost: localhost\r\n\
                 content-type: application/json\r\n{length}\r\n\r\n",
                session_id()
            ))
            .await;
        let megabyte = "x".repeat(1_000_000);
        for _ in 0..20 {
            if length.starts_with("transfer") {
                client.write(&format!("f4240\r\n{megabyte}\r\n")).await;
            } else {
                client.write(&megabyte).await;
            }
        }
        client.until("body_too_large").await;
        assert!(client.read.starts_with("HTTP/1.1 413 "), "{}", client.read);
    }
}
