//! The scenarios.

use crate::{
    connection::Connection,
    figures::{Figures, rss_kib},
};
use anyhow::{Context, ensure};
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
const LIMIT: Duration = Duration::from_secs(120);
/// Turns of one session before another is made, so that histories stay short.
const TURNS_OF_A_SESSION: usize = 10;

pub(crate) async fn turns(
    address: SocketAddr,
    concurrency: usize,
    turns: usize,
    characters: usize,
) -> anyhow::Result<Figures> {
    let left = AtomicUsize::new(turns);
    let began = Instant::now();
    let workers = (0..concurrency).map(|_| async {
        let mut connection = Connection::open(address).await?;
        let mut figures = Figures::default();
        let mut session = String::new();
        let mut done = 0;
        while left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
        {
            if done % TURNS_OF_A_SESSION == 0 {
                session = connection.session().await?;
            }
            done += 1;
            let sent = Instant::now();
            let body = connection
                .post(&stream_path(&session), &json!({"message": "go"}))
                .await?;
            let read = read(body, sent, characters > 0).await?;
            ensure!(read.done, "a stream ended without [DONE]");
            ensure!(
                characters == 0 || read.characters == characters,
                "{} characters",
                read.characters
            );
            figures
                .first
                .push(read.first.context("a stream without a delta")?);
            figures.total.push(sent.elapsed());
        }
        anyhow::Ok(figures)
    });
    let mut all = Figures::default();
    for figures in try_join_all(workers).await? {
        all.first.extend(figures.first);
        all.total.extend(figures.total);
    }
    all.wall = began.elapsed();
    Ok(all)
}

pub(crate) async fn cancel(address: SocketAddr, turns: usize) -> anyhow::Result<Figures> {
    let mut connection = Connection::open(address).await?;
    let mut control = Connection::open(address).await?;
    let mut all = Figures::default();
    let began = Instant::now();
    for _ in 0..turns {
        let session = control.session().await?;
        let sent = Instant::now();
        let mut body = connection
            .post(&stream_path(&session), &json!({"message": "go"}))
            .await?;
        let mut seen = Read::default();
        while seen.first.is_none() {
            ensure!(
                seen.next(&mut body, sent, false).await?,
                "the turn ended before it was cancelled"
            );
        }
        let asked = Instant::now();
        let path = format!("/api/chat/sessions/{session}/cancel");
        let cancelling = async {
            let answer = control.post_json(&path, &json!({})).await?;
            anyhow::Ok((answer, asked.elapsed()))
        };
        let ending = async {
            while seen.next(&mut body, sent, false).await? {}
            anyhow::Ok(asked.elapsed())
        };
        let ((answer, answered), ended) = tokio::try_join!(cancelling, ending)?;
        ensure!(answer["status"] == "cancelled", "{answer}");
        all.first.push(answered);
        all.total.push(ended);
    }
    all.wall = began.elapsed();
    println!("(first delta: the cancel's answer; to the end: of the stream, from the cancel)");
    Ok(all)
}

pub(crate) async fn open(
    address: SocketAddr,
    streams: usize,
    hold: Duration,
    pid: Option<u32>,
) -> anyhow::Result<()> {
    let before = rss_kib(pid);
    let mut held = Vec::with_capacity(streams);
    for _ in 0..streams {
        let mut connection = Connection::open(address).await?;
        let session = connection.session().await?;
        let sent = Instant::now();
        let mut body = connection
            .post(&stream_path(&session), &json!({"message": "go"}))
            .await?;
        let mut seen = Read::default();
        ensure!(
            seen.next(&mut body, sent, false).await?,
            "a stream that is no stream"
        );
        held.push((connection, body));
    }
    tokio::time::sleep(hold).await;
    if let (Some(before), Some(after)) = (before, rss_kib(pid)) {
        let each = (after.saturating_sub(before)) as f64 / streams as f64;
        println!(
            "open streams   {streams}: {before} KiB before, {after} KiB after, {each:.1} KiB each"
        );
    }
    Ok(())
}

fn stream_path(session: &str) -> String {
    format!("/api/chat/sessions/{session}/stream")
}

#[derive(Debug, Default)]
struct Read {
    first: Option<Duration>,
    characters: usize,
    done: bool,
    rest: Vec<u8>,
}

impl Read {
    /// Takes the next frame in; false: the body has ended.
    async fn next(
        &mut self,
        body: &mut Incoming,
        sent: Instant,
        count: bool,
    ) -> anyhow::Result<bool> {
        let Some(frame) = tokio::time::timeout(LIMIT, body.frame()).await? else {
            return Ok(false);
        };
        let frame = frame?;
        let Some(data) = frame.data_ref() else {
            return Ok(true);
        };
        self.rest.extend_from_slice(data);
        let bytes = std::mem::take(&mut self.rest);
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            if lines.peek().is_none() && !line.ends_with(b"\n") {
                self.rest = line.to_vec();
            } else {
                self.line(line, sent, count)?;
            }
        }
        Ok(true)
    }

    fn line(&mut self, line: &[u8], sent: Instant, count: bool) -> anyhow::Result<()> {
        if line.starts_with(b"data: [DONE]") {
            self.done = true;
        } else if line.starts_with(b"data: {\"type\":\"text-delta\"") {
            self.first.get_or_insert_with(|| sent.elapsed());
            if count {
                let event: Value = serde_json::from_slice(line.get(6..).unwrap_or_default())?;
                self.characters += event["delta"]
                    .as_str()
                    .map_or(0, |delta| delta.chars().count());
            }
        } else if line.starts_with(b"data: {\"type\":\"error\"") {
            anyhow::bail!("{}", String::from_utf8_lossy(line));
        }
        Ok(())
    }
}

async fn read(mut body: Incoming, sent: Instant, count: bool) -> anyhow::Result<Read> {
    let mut seen = Read::default();
    while seen.next(&mut body, sent, count).await? {}
    Ok(seen)
}
