//! The scenarios.

use crate::{
    connection::Connection,
    figures::{Figures, Times},
};
use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

/// No stream may take longer.
const LIMIT: Duration = Duration::from_mins(2);
/// Turns of one session before another is made, so that histories stay short.
const TURNS_OF_A_SESSION: usize = 10;

/// Turns in a closed loop; each answer must be `expected`, if it is given.
pub(crate) async fn turns(
    address: SocketAddr,
    concurrency: usize,
    turns: usize,
    expected: Option<&str>,
) -> anyhow::Result<Figures> {
    let left = AtomicUsize::new(turns);
    let began = Instant::now();
    let workers = (0..concurrency).map(|_| worker(address, &left, expected));
    let mut all = Figures::default();
    for figures in try_join_all(workers).await? {
        all.first.extend(figures.first);
        all.total.extend(figures.total);
    }
    all.wall = began.elapsed();
    Ok(all)
}

async fn worker(
    address: SocketAddr,
    left: &AtomicUsize,
    expected: Option<&str>,
) -> anyhow::Result<Figures> {
    let mut connection = Connection::open(address).await?;
    let mut figures = Figures::default();
    let mut session = String::new();
    let mut done = 0;
    let take = |left: usize| left.checked_sub(1);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
        .is_ok()
    {
        if done % TURNS_OF_A_SESSION == 0 {
            session = connection.session().await?;
        }
        done += 1;
        let sent = Instant::now();
        let mut body = connection
            .post(&stream_path(&session), &json!({"message": "go"}))
            .await?;
        let mut answer = Answer::to(sent, expected.is_some());
        while answer.next(&mut body).await? {}
        figures.total.add(sent.elapsed());
        figures
            .first
            .add(answer.first.context("a stream without a delta")?);
        ensure!(answer.is_done, "a stream ended without [DONE]");
        ensure!(
            expected.is_none_or(|expected| answer.text == expected),
            "another answer than the model's: {:?}",
            answer.text
        );
    }
    Ok(figures)
}

/// Times of cancels.
#[derive(Debug, Default)]
pub(crate) struct Cancels {
    /// From the cancel to its answer.
    pub(crate) answered: Times,
    /// From the cancel to the end of the turn's stream.
    pub(crate) ended: Times,
}

/// Turns that are cancelled after their first delta, one after another; each at the next of
/// these servers.
pub(crate) async fn cancel(addresses: &[SocketAddr], turns: usize) -> anyhow::Result<Cancels> {
    let mut cancels = Cancels::default();
    for address in addresses.iter().cycle().take(turns) {
        let mut connection = Connection::open(*address).await?;
        let mut control = Connection::open(*address).await?;
        let session = control.session().await?;
        let mut body = connection
            .post(&stream_path(&session), &json!({"message": "go"}))
            .await?;
        let mut answer = Answer::to(Instant::now(), false);
        while answer.first.is_none() {
            let goes_on = answer.next(&mut body).await?;
            ensure!(goes_on, "the turn ended before it was cancelled");
        }
        let asked = Instant::now();
        let path = format!("/api/chat/sessions/{session}/cancel");
        let cancelling = async {
            let said = control.post_json(&path, &json!({})).await?;
            anyhow::Ok((said, asked.elapsed()))
        };
        let ending = async {
            while answer.next(&mut body).await? {}
            anyhow::Ok(asked.elapsed())
        };
        let ((said, answered), ended) = tokio::try_join!(cancelling, ending)?;
        ensure!(said["status"] == "cancelled", "{said}");
        cancels.answered.add(answered);
        cancels.ended.add(ended);
    }
    Ok(cancels)
}

/// Turns side by side; the longest pause between two deltas of each. Each answer must end with
/// `expected`: before it may stand what an executor said that was killed.
pub(crate) async fn gaps(
    address: SocketAddr,
    turns: usize,
    expected: &str,
) -> anyhow::Result<Vec<Duration>> {
    let reading = (0..turns).map(|_| async {
        let mut connection = Connection::open(address).await?;
        let session = connection.session().await?;
        let mut body = connection
            .post(&stream_path(&session), &json!({"message": "go"}))
            .await?;
        let mut answer = Answer::to(Instant::now(), true);
        while answer.next(&mut body).await? {}
        ensure!(answer.is_done, "a stream ended without [DONE]");
        ensure!(
            answer.text.ends_with(expected),
            "another answer than the model's: {:?}",
            answer.text
        );
        Ok(answer.longest_gap)
    });
    try_join_all(reading).await
}

/// Streams that go on as long as they are held.
pub(crate) struct Held {
    _streams: Vec<(Connection, Incoming)>,
}

/// Streams that are held open; what they cost is to be read before they are let go.
pub(crate) async fn open(
    address: SocketAddr,
    streams: usize,
    hold: Duration,
) -> anyhow::Result<Held> {
    let mut held = Vec::with_capacity(streams);
    for _ in 0..streams {
        let mut connection = Connection::open(address).await?;
        let session = connection.session().await?;
        let mut body = connection
            .post(&stream_path(&session), &json!({"message": "go"}))
            .await?;
        let mut answer = Answer::to(Instant::now(), false);
        ensure!(answer.next(&mut body).await?, "a stream that is no stream");
        held.push((connection, body));
    }
    tokio::time::sleep(hold).await;
    Ok(Held { _streams: held })
}

fn stream_path(session: &str) -> String {
    format!("/api/chat/sessions/{session}/stream")
}

/// What has been read of an answer.
struct Answer {
    sent: Instant,
    keeps_text: bool,
    first: Option<Duration>,
    last_delta_at: Option<Instant>,
    longest_gap: Duration,
    text: String,
    is_done: bool,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
}

impl Answer {
    /// To what was sent then.
    fn to(sent: Instant, keeps_text: bool) -> Self {
        Self {
            sent,
            keeps_text,
            first: None,
            last_delta_at: None,
            longest_gap: Duration::ZERO,
            text: String::new(),
            is_done: false,
            rest: Vec::new(),
        }
    }

    /// Takes the next frame in; false: the body has ended.
    async fn next(&mut self, body: &mut Incoming) -> anyhow::Result<bool> {
        let Some(frame) = tokio::time::timeout(LIMIT, body.frame()).await? else {
            return Ok(false);
        };
        let frame = frame?;
        let Some(data) = frame.data_ref() else {
            return Ok(true);
        };
        self.rest.extend_from_slice(data);
        let bytes = std::mem::take(&mut self.rest);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if line.ends_with(b"\n") {
                self.line(line)?;
            } else {
                self.rest = line.to_vec();
            }
        }
        Ok(true)
    }

    fn line(&mut self, line: &[u8]) -> anyhow::Result<()> {
        if line.starts_with(b"data: [DONE]") {
            self.is_done = true;
        } else if line.starts_with(b"data: {\"type\":\"text-delta\"") {
            self.delta_came(Instant::now());
            if self.keeps_text {
                let event: Value = serde_json::from_slice(line.get(6..).unwrap_or_default())?;
                self.text
                    .push_str(event["delta"].as_str().unwrap_or_default());
            }
        } else if line.starts_with(b"data: {\"type\":\"error\"") {
            anyhow::bail!("{}", String::from_utf8_lossy(line));
        }
        Ok(())
    }

    fn delta_came(&mut self, now: Instant) {
        self.first.get_or_insert(now - self.sent);
        let gap = self.last_delta_at.replace(now).map(|last| now - last);
        self.longest_gap = self.longest_gap.max(gap.unwrap_or_default());
    }
}
