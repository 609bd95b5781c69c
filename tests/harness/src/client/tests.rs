//! The client against raw bytes on a socket.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{BodyEnd, Client, Item};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    transfer-encoding: chunked\r\nx-request-id: r1\r\n\r\n";

const WHOLE: &str = ":    \n\n\
    id: 1\ndata: {\"type\":\"start\",\"messageId\":\"m\",\"messageMetadata\":{\"turnId\":\"t\"}}\n\n\
    data: {\"type\":\"data-status\",\"data\":{},\"transient\":true}\n\n\
    : heartbeat\n\n\
    id: 2\ndata: {\"type\":\"start-step\"}\n\n\
    id: 3\ndata: {\"type\":\"text-start\",\"id\":\"a\"}\n\n\
    id: 4\ndata: {\"type\":\"text-delta\",\"id\":\"a\",\"delta\":\"hi \"}\n\n\
    id: 5\ndata: {\"type\":\"text-delta\",\"id\":\"a\",\"delta\":\"you\"}\n\n\
    id: 6\ndata: {\"type\":\"text-end\",\"id\":\"a\"}\n\n\
    id: 7\ndata: {\"type\":\"finish-step\"}\n\n\
    id: 8\ndata: {\"type\":\"finish\"}\n\n\
    data: [DONE]\n\n";

/// How the raw server ends its one response.
#[derive(Clone, Copy)]
enum Ending {
    LastChunk,
    HangUp,
    Silence,
}

/// Answer one request with these bytes, in chunks of `size`; gives the request's head.
async fn serve(
    head: &str,
    body: &str,
    size: usize,
    ending: Ending,
) -> (Client, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (head, body) = (head.to_owned(), body.to_owned());
    #[expect(clippy::disallowed_methods, reason = "the test awaits it")]
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.windows(4).any(|four| four == b"\r\n\r\n") {
            let mut buffer = [0; 4096];
            let read = socket.read(&mut buffer).await.unwrap();
            request.extend_from_slice(&buffer[..read]);
        }
        socket.write_all(head.as_bytes()).await.unwrap();
        for chunk in body.as_bytes().chunks(size) {
            let length = format!("{:x}\r\n", chunk.len());
            socket.write_all(length.as_bytes()).await.unwrap();
            socket.write_all(chunk).await.unwrap();
            socket.write_all(b"\r\n").await.unwrap();
        }
        match ending {
            Ending::LastChunk => socket.write_all(b"0\r\n\r\n").await.unwrap(),
            Ending::HangUp => {}
            Ending::Silence => std::future::pending().await,
        }
        socket.shutdown().await.unwrap();
        String::from_utf8(request).unwrap().to_lowercase()
    });
    (Client::new(format!("http://{address}")), server)
}

#[tokio::test]
async fn a_whole_stream_is_read_with_comments_cursors_and_its_end() {
    for size in [1, 3, 50, 10_000] {
        let (client, _server) = serve(HEAD, WHOLE, size, Ending::LastChunk).await;

        let mut stream = client.resume("s", None).events();
        assert!(
            stream.headers().is_empty(),
            "nothing is sent before the first look"
        );
        let delta = stream.until(super::Event::is_text).await;
        assert_eq!(delta.cursor.as_deref(), Some("4"));
        assert_eq!(stream.last_cursor(), Some("4"));
        let all = stream.to_finish().await;

        assert_eq!(all.comments, ["    ", " heartbeat"]);
        assert_eq!(all.kinds().last_two(), ["finish-step", "finish"]);
        assert_eq!(all.kinds().merged().len(), all.kinds().len() - 1);
        assert_eq!(all.text(), "hi you");
        assert_eq!(all.turn_id(), "t");
        assert_eq!(all.events[1].cursor, None);
        assert!(all.events[1].is_transient());
        assert_eq!(all.fold().unwrap().text(), "hi you");
        assert_eq!(all.headers["x-request-id"], "r1");
        assert!(all.time_to("text-delta").is_some());
        assert_eq!(stream.next_item().await, Item::End(BodyEnd::Clean));
    }
}

#[tokio::test]
async fn a_body_that_breaks_is_told_from_one_that_ends() {
    let half = &WHOLE[..WHOLE.find("id: 6").unwrap()];
    let (client, _server) = serve(HEAD, half, 20, Ending::HangUp).await;

    let seen = client.resume("s", None).open().await.to_end().await;

    seen.assert_broken();
    assert!(!seen.is_finished());
    assert_eq!(
        seen.fold().unwrap_err().problem,
        "the stream ended without finish"
    );
}

#[tokio::test]
async fn finish_and_done_without_the_last_chunk_are_no_true_end() {
    let (client, _server) = serve(HEAD, WHOLE, 20, Ending::HangUp).await;

    let seen = client.resume("s", None).open().await.to_end().await;

    assert!(!seen.is_finished());
}

#[tokio::test]
#[should_panic(expected = "waited 50ms in vain: the next item of GET")]
async fn a_silent_stream_runs_into_the_deadline() {
    let (client, _server) = serve(HEAD, ": hi\n\n", 10, Ending::Silence).await;
    let mut stream = client
        .resume("s", None)
        .open()
        .await
        .deadline(Duration::from_millis(50));

    assert_eq!(stream.next_comment().await, " hi");
    stream.next_item().await;
}

#[tokio::test]
#[should_panic(expected = "not within 0ns")]
async fn a_stream_that_only_beats_runs_into_the_deadline() {
    let (client, _server) = serve(HEAD, ": hi\n\n: hi\n\n", 100, Ending::LastChunk).await;
    let mut stream = client.resume("s", None).open().await;
    stream.next_item().await;

    stream.deadline(Duration::ZERO).to_end().await;
}

#[tokio::test]
async fn a_call_carries_headers_query_and_fields() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (client, server) = serve(head, "{\"a\":1}", 100, Ending::LastChunk).await;

    let body = client
        .with_token("secret")
        .start_stream("s1", "hello")
        .message_id("m1")
        .on_busy("reject")
        .profile("v6")
        .idempotency_key("k1")
        .host("evil.example")
        .origin("http://evil.example")
        .ok()
        .await;

    assert_eq!(body["a"], 1);
    let request = server.await.unwrap();
    for part in [
        "post /api/chat/sessions/s1/stream?profile=v6 http/1.1",
        "\r\nhost: evil.example\r\n",
        "\r\norigin: http://evil.example\r\n",
        "\r\nidempotency-key: k1\r\n",
        "\r\nauthorization: bearer secret\r\n",
        "\r\ncontent-type: application/json\r\n",
    ] {
        assert!(request.contains(part), "{part}: {request}");
    }
    assert_eq!(request.matches("\r\nhost:").count(), 1);
}

#[tokio::test]
async fn a_problem_is_checked_against_the_response() {
    let head = "HTTP/1.1 422 Unprocessable Entity\r\ncontent-type: application/problem+json\r\n\
        retry-after: 3\r\nx-request-id: r1\r\ntransfer-encoding: chunked\r\n\r\n";
    let body = "{\"type\":\"about:blank\",\"title\":\"Wrong\",\"status\":422,\"code\":\"invalid\",\
        \"detail\":\"d\",\"errors\":[{\"field\":\"limit\",\"message\":\"m\"}],\
        \"request_id\":\"r1\",\"turn_id\":\"t\"}";
    let (client, _server) = serve(head, body, 100, Ending::LastChunk).await;

    let answer = client.list_sessions().status(422).await;

    assert_eq!(answer.retry_after(), Some(3));
    let problem = answer.problem();
    assert_eq!(problem.code, "invalid");
    assert_eq!(problem.fields(), ["limit"]);
    assert_eq!(problem.rest["turn_id"], "t");
}
