//! A connection to PostgreSQL that breaks at the worst moment.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

/// No commit is to be lost.
const NEVER: usize = usize::MAX;
/// From the commit on its way to the broken line: the server has done it by then.
const DONE_AFTER: Duration = Duration::from_millis(200);

/// Hands bytes on between a program and PostgreSQL, and can swallow the answer to a commit.
/// Dropping it breaks all connections.
pub struct LossyLine {
    url: Url,
    /// Commits until the one whose answer is lost.
    left: Arc<AtomicUsize>,
    _connections: JoinSet<()>,
}

impl LossyLine {
    /// To this database.
    pub async fn to(database: &str) -> Self {
        let mut url = Url::parse(database).expect("a URL of PostgreSQL");
        let host = url.host_str().expect("a host").to_owned();
        let server = format!("{host}:{}", url.port().expect("a port"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        url.set_port(Some(address.port()))
            .expect("a URL with a host");
        let left = Arc::new(AtomicUsize::new(NEVER));
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, server, Arc::clone(&left)));
        Self {
            url,
            left,
            _connections: connections,
        }
    }

    /// What a program is told instead of the database's own URL.
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// Lets the answer to a commit be lost: 0 is the next one.
    pub fn lose_answer_of_commit(&self, number: usize) {
        self.left.store(number, Ordering::SeqCst);
    }

    /// Whether that commit has not come yet.
    pub fn is_armed(&self) -> bool {
        self.left.load(Ordering::SeqCst) != NEVER
    }
}

async fn accept(listener: TcpListener, server: String, left: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = listener.accept().await;
        let (client, _): (TcpStream, SocketAddr) = accepted.expect("a connection");
        let (server, left) = (server.clone(), Arc::clone(&left));
        connections.spawn(async move {
            if let Ok(server) = TcpStream::connect(server).await {
                connect(client, server, &left).await;
            }
        });
    }
}

/// Ends, and so breaks the line, when one side is done or an answer was lost.
async fn connect(client: TcpStream, server: TcpStream, left: &AtomicUsize) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let is_deaf = AtomicBool::new(false);
    tokio::select! {
        () = ask(from_client, to_server, left, &is_deaf) => {}
        () = answer(from_server, to_client, &is_deaf) => {}
    }
}

async fn ask(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    left: &AtomicUsize,
    is_deaf: &AtomicBool,
) {
    while let Some(bytes) = read(&mut client).await {
        let is_lost = is_commit(&bytes) && is_due(left);
        is_deaf.fetch_or(is_lost, Ordering::SeqCst);
        if server.write_all(&bytes).await.is_err() {
            return;
        }
        if is_lost {
            tokio::time::sleep(DONE_AFTER).await;
            return;
        }
    }
}

async fn answer(mut server: OwnedReadHalf, mut client: OwnedWriteHalf, is_deaf: &AtomicBool) {
    while let Some(bytes) = read(&mut server).await {
        let is_lost = is_deaf.load(Ordering::SeqCst);
        if !is_lost && client.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// Counts a commit; true: this one's answer is lost.
fn is_due(left: &AtomicUsize) -> bool {
    let count = |left: usize| match left {
        NEVER => None,
        0 => Some(NEVER),
        more => Some(more - 1),
    };
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count) == Ok(0)
}

/// A simple query, as drivers end transactions (PostgreSQL's protocol, "Query").
fn is_commit(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'Q') && bytes.windows(6).any(|word| word == b"COMMIT")
}

async fn read(from: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 16 * 1024];
    match from.read(&mut bytes).await {
        Ok(0) | Err(_) => None,
        Ok(count) => {
            bytes.truncate(count);
            Some(bytes)
        }
    }
}
