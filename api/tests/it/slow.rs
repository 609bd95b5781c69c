//! Clients that take their time.

use crate::{fakes::session_id, opening::Server};
use copilot_api::ApiConfig;
use std::time::Duration;

fn impatient() -> ApiConfig {
    ApiConfig {
        head_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        ..ApiConfig::default()
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let server = Server::start(impatient()).await;
    let mut silent = server.connect().await;
    let mut halting = server.connect().await;
    halting
        .write("GET /livez HTTP/1.1\r\nhost: localhost\r\nx-slow: ")
        .await;

    silent.read_to_end().await;
    halting.read_to_end().await;

    assert!(!halting.read.contains(" 200 "), "{}", halting.read);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_and_left() {
    let server = Server::start(impatient()).await;
    for length in ["content-length: 1000", "transfer-encoding: chunked"] {
        let mut slow = server.connect().await;
        slow.write(&format!(
            "POST /api/chat/sessions/{}/turns HTTP/1.1\r\nhost: localhost\r\n\
             content-type: application/json\r\n{length}\r\n\r\n",
            session_id()
        ))
        .await;

        slow.until("request_timeout").await;
        assert!(slow.read.starts_with("HTTP/1.1 408 "), "{}", slow.read);
        slow.read_to_end().await;
    }
}
