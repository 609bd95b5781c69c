use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use copilot_core::port::PortError;
use copilot_core::port::ready::ReadyPart;
use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::*;

const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn registry() -> Registry {
    let mut registry = Registry::default();
    let counter: Counter = Counter::default();
    registry.register("copilot_things", "Things", counter.clone());
    counter.inc();
    registry
}

async fn asked(address: SocketAddr, head: &str) -> String {
    let asking = async {
        let mut socket = TcpStream::connect(address).await.unwrap();
        // Refused while it is still written to: what was answered before counts.
        let _ = socket.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    };
    timeout(LIMIT * 2, asking).await.expect("an answer in time")
}

async fn get(address: SocketAddr, path: &str) -> String {
    asked(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await
}

async fn serving<F: Future>(
    readiness: Option<Arc<Readiness>>,
    test: impl FnOnce(SocketAddr) -> F,
) -> F::Output {
    let listener = MetricsListener::bind(ANYWHERE).await.unwrap();
    let address = listener.socket.local_addr().unwrap();
    listener
        .serve_while(registry(), readiness, test(address))
        .await
}

#[tokio::test]
async fn metrics_are_told_in_the_text_format_and_nothing_else_is_there() {
    serving(None, |address| async move {
        let metrics = get(address, "/metrics").await;
        assert!(metrics.starts_with("HTTP/1.1 200 "), "{metrics}");
        assert!(metrics.contains("content-type: text/plain; version=0.0.4"));
        assert!(metrics.contains("\ncopilot_things_total 1\n"), "{metrics}");

        for (request, status) in [
            ("POST /metrics", "405"),
            ("HEAD /metrics", "405"),
            ("GET /", "404"),
            ("GET /livez", "404"),
            ("GET /readyz", "404"),
        ] {
            let head = format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n");
            let answer = asked(address, &head).await;
            let expected = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&expected), "{request}: {answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_endless_head_is_cut_off() {
    serving(None, |address| async move {
        let endless = format!(
            "GET /metrics HTTP/1.1\r\nx: {}\r\n\r\n",
            "y".repeat(1 << 20)
        );
        let answer = asked(address, &endless).await;
        assert!(!answer.contains("copilot_things"), "{answer}");
        let next = get(address, "/metrics").await;
        assert!(next.starts_with("HTTP/1.1 200 "), "{next}");
    })
    .await;
}

#[tokio::test]
async fn silent_connections_keep_others_out_for_a_limited_time() {
    serving(None, |address| async move {
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let metrics = get(address, "/metrics").await;
        assert!(metrics.starts_with("HTTP/1.1 200 "), "{metrics}");
    })
    .await;
}

struct Broker;

#[async_trait]
impl ReadyPart for Broker {
    fn name(&self) -> &'static str {
        "broker"
    }

    async fn check(&self) -> Result<(), PortError> {
        Err(PortError::unavailable("asking", "away"))
    }
}

#[tokio::test]
async fn probes_are_answered_where_they_are_wanted() {
    let stopping = CancellationToken::new();
    let broker: Arc<dyn ReadyPart> = Arc::new(Broker);
    let readiness = Arc::new(Readiness::of(vec![broker], stopping.clone()));
    serving(Some(readiness), |address| async move {
        let live = get(address, "/livez").await;
        assert!(live.starts_with("HTTP/1.1 200 "), "{live}");
        let ready = get(address, "/readyz").await;
        assert!(ready.starts_with("HTTP/1.1 503 ") && ready.ends_with("failing: broker\n"));
        stopping.cancel();
        let ready = get(address, "/readyz").await;
        assert!(ready.starts_with("HTTP/1.1 503 ") && ready.ends_with("stopping\n"));
    })
    .await;
}

#[tokio::test]
async fn a_port_in_use_names_the_setting() {
    let taken = TcpListener::bind(ANYWHERE).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = MetricsListener::bind(address).await.err().unwrap();
    let line = error.to_string();
    assert!(line.contains("metrics.listen") && line.contains(&address.to_string()));
}
