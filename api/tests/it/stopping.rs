//! Stopping in good order.

use crate::opening::Server;
use copilot_api::ApiConfig;
use std::time::Duration;
use tokio::{net::TcpStream, time::Instant};

const RECONNECT: &str = r#"{"type":"data-status","data":{"message":"reconnect"},"transient":true}"#;

fn quick(shutdown_delay: Duration, drain_timeout: Duration) -> ApiConfig {
    ApiConfig {
        shutdown_delay,
        drain_timeout,
        ..ApiConfig::default()
    }
}

#[tokio::test]
async fn readiness_fails_first_then_nothing_is_accepted_then_streams_break() {
    let (delay, drain) = (Duration::from_millis(300), Duration::from_millis(300));
    let mut server = Server::start(quick(delay, drain)).await;
    let mut stream = server.open_stream().await;
    let began = Instant::now();
    server.soft_stop.cancel();

    server
        .get("/readyz")
        .await
        .until("\"code\":\"stopping\"")
        .await;
    server
        .get("/api/chat/config/ttl")
        .await
        .until("stream_ttl_ms")
        .await;

    stream.read_to_end().await;
    assert!(began.elapsed() >= delay + drain);
    assert!(stream.read.contains(RECONNECT));
    assert!(!stream.read.contains("[DONE]") && !stream.read.ends_with("0\r\n\r\n"));
    server.ended().await;
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn without_open_streams_it_ends_after_the_delay() {
    let mut server = Server::start(quick(Duration::ZERO, Duration::from_hours(1))).await;
    let mut idle = server.get("/livez").await;
    idle.until("ok").await;
    server.soft_stop.cancel();
    server.ended().await;
    idle.read_to_end().await;
}

#[tokio::test]
async fn a_hard_stop_waits_for_nothing() {
    let hour = Duration::from_hours(1);
    let mut server = Server::start(quick(hour, hour)).await;
    let mut stream = server.open_stream().await;
    server.soft_stop.cancel();
    server.hard_stop.cancel();
    stream.read_to_end().await;
    assert!(stream.read.contains(RECONNECT) && !stream.read.contains("[DONE]"));
    server.ended().await;
}
