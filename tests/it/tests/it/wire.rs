//! Requests that no client library sends: written byte by byte.

use std::time::Duration;

use copilot_harness::TestStack;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

use crate::conversation::Conversation;

const LIMIT: Duration = Duration::from_secs(20);
const TOO_LARGE: usize = 30_000_000;

fn address(stack: &TestStack) -> String {
    stack.client.base().replace("http://", "")
}

async fn connect(stack: &TestStack) -> (OwnedReadHalf, OwnedWriteHalf) {
    TcpStream::connect(address(stack))
        .await
        .unwrap()
        .into_split()
}

/// The head of the next response, and the body that its length promises.
async fn response(reader: &mut OwnedReadHalf) -> (String, String) {
    let mut bytes = Vec::new();
    let reading = async {
        loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.map_or(0, |length| length.parse().unwrap());
                if bytes.len() >= end + 4 + length {
                    let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
                    return (head, body);
                }
            }
            let mut piece = [0; 4096];
            let read = reader.read(&mut piece).await.unwrap();
            assert!(
                read > 0,
                "closed after {:?}",
                String::from_utf8_lossy(&bytes)
            );
            bytes.extend_from_slice(&piece[..read]);
        }
    };
    timeout(LIMIT, reading).await.expect("a response in time")
}

/// Sends `request`, and gives the whole answer.
async fn exchange(stack: &TestStack, request: &[u8]) -> (String, String) {
    let (mut reader, mut writer) = connect(stack).await;
    writer.write_all(request).await.unwrap();
    response(&mut reader).await
}

fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

fn assert_problem(answer: &(String, String), expected: &str) {
    let (head, body) = answer;
    assert_eq!(status(head), expected, "{head} {body}");
    assert!(head.contains("application/problem+json"), "{head}");
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["status"].to_string(), expected);
}

fn post(chat: &Conversation, headers: &str) -> String {
    format!(
        "POST /api/chat/sessions/{}/turns HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\n{headers}\r\n",
        chat.id
    )
}

async fn assert_nothing_was_said(chat: &Conversation) {
    assert_eq!(chat.client.list_turns(&chat.id).ok().await["total"], 0);
    assert_eq!(chat.messages().await.len(), 0);
}

fn assert_no_panic(stack: &TestStack) {
    let log = stack.copilot.log();
    assert!(!log.contains("panicked"), "{log}");
}

#[tokio::test]
async fn a_refusal_of_a_large_body_is_read_while_it_is_still_sent() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let piece = vec![b' '; 100_000];
    for is_chunked in [false, true] {
        let (mut reader, mut writer) = connect(&stack).await;
        let head = if is_chunked {
            post(&chat, "transfer-encoding: chunked\r\n")
        } else {
            post(&chat, &format!("content-length: {TOO_LARGE}\r\n"))
        };
        writer.write_all(head.as_bytes()).await.unwrap();
        let size = format!("{:x}\r\n", piece.len());
        let sending = async {
            for _ in 0..TOO_LARGE / piece.len() {
                if is_chunked {
                    writer.write_all(size.as_bytes()).await.unwrap();
                }
                writer.write_all(&piece).await.unwrap();
                if is_chunked {
                    writer.write_all(b"\r\n").await.unwrap();
                }
            }
        };

        // The client does not stop sending when the answer comes, and is not cut off either.
        let (answer, ()) = timeout(LIMIT, async {
            tokio::join!(response(&mut reader), sending)
        })
        .await
        .expect("answered and sent in time");

        assert_problem(&answer, "413");
    }
    assert_nothing_was_said(&chat).await;
    stack.finish().await;
}

#[tokio::test]
async fn who_asks_before_sending_is_told_before_sending() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let asks = "expect: 100-continue\r\n";

    let large = post(&chat, &format!("{asks}content-length: {TOO_LARGE}\r\n"));
    assert_problem(&exchange(&stack, large.as_bytes()).await, "413");

    let body = r#"{"message": "hi"}"#;
    let (mut reader, mut writer) = connect(&stack).await;
    let small = post(&chat, &format!("{asks}content-length: {}\r\n", body.len()));
    writer.write_all(small.as_bytes()).await.unwrap();
    let (head, _) = response(&mut reader).await;
    assert_eq!(status(&head), "100");
    writer.write_all(body.as_bytes()).await.unwrap();
    let (head, _) = response(&mut reader).await;
    assert_eq!(status(&head), "202");
    stack.finish().await;
}

#[tokio::test]
async fn bytes_that_are_no_json_save_nothing() {
    let stack = TestStack::start().await;
    let chat = Conversation::begin(&stack).await;
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: Vec<Vec<u8>> = vec![
        br#"{"message": "\ud800"}"#.to_vec(),
        br#"{"message": "\udc00\ud800"}"#.to_vec(),
        b"\xef\xbb\xbf{\"message\": \"hi\"}".to_vec(),
        b"{\"message\": \"\xff\xfe\"}".to_vec(),
        b"{\"message\": \"hi\", \"n\": 1e999}".to_vec(),
        b"{\"message\": \"a raw \n newline\"}".to_vec(),
        nested.clone().into_bytes(),
        format!("{{\"message\": \"hi\", \"unknown\": {nested}}}").into_bytes(),
        b"\0".to_vec(),
    ];
    for body in bodies {
        for path in [
            format!("/api/chat/sessions/{}/turns", chat.id),
            "/api/chat".to_owned(),
        ] {
            let call = stack
                .client
                .post(&path)
                .raw_body("application/json", body.clone());
            let problem = call.problem(400).await;
            assert_eq!(problem.code, "invalid_json");
        }
    }
    assert_nothing_was_said(&chat).await;
    assert_no_panic(&stack);
    stack.finish().await;
}

#[tokio::test]
async fn heads_that_are_too_large_or_broken_are_refused() {
    let stack = TestStack::start().await;
    let get = |path: &str, headers: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").into_bytes()
    };
    let long = "a".repeat(20_000);

    let address = get(&format!("/api/chat/sessions?x={long}"), "");
    assert_problem(&exchange(&stack, &address).await, "414");
    let header = get(
        "/api/chat/sessions",
        &format!("x-a: {long}\r\nx-b: {long}\r\n"),
    );
    assert_problem(&exchange(&stack, &header).await, "431");
    for (request, expected) in [
        (get(&format!("/{}", "a".repeat(70_000)), ""), "414"),
        (get("/", &format!("x: {}\r\n", "a".repeat(600_000))), "431"),
        (b"garbage\r\n\r\n".to_vec(), "400"),
        (get("/api/chat/\u{ff}\u{fe}", "bad header\r\n"), "400"),
    ] {
        let (head, _) = exchange(&stack, &request).await;
        assert_eq!(status(&head), expected, "{head}");
    }
    stack.client.list_sessions().ok().await;
    assert_no_panic(&stack);
    stack.finish().await;
}

#[tokio::test]
async fn odd_paths_are_nothing_that_is_there() {
    let stack = TestStack::start().await;
    for path in [
        "/api/chat/sessions/",
        "/api/chat/sessions//",
        "/api/chat//sessions",
        "/api/chat/sessions/%ff%fe",
        "/api/chat/sessions/%00",
        "/api/chat/sessions/%zz/turns",
        "/api/chat/%ff/stream",
        "/api/chat/sessions/..%2f..",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert_problem(&exchange(&stack, request.as_bytes()).await, "404");
    }
    assert_no_panic(&stack);
    stack.finish().await;
}
