//! The floor: the least that a pipeline of these hops can do, as a yardstick.
//!
//! HTTP → RabbitMQ (quorum queue, publisher confirm) → worker → model → Redis stream → SSE, in
//! one process. No database, no sign-in, no tools, no resume, no cancel: what Copilot costs
//! beyond this is the price of its promises. It answers the two routes that the load generator
//! asks, and is no server for anything else.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing JSON gives null where nothing is"
)]

use anyhow::Context;
use bytes::Bytes;
use clap::Parser;
use futures::{FutureExt, SinkExt, StreamExt, TryStreamExt, channel::mpsc};
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
        ConfirmSelectOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use redis::{
    AsyncCommands, Client,
    aio::MultiplexedConnection,
    streams::{StreamReadOptions, StreamReadReply},
};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpListener;

/// Turns at a time, as many as an executor's default.
const PREFETCH: u16 = 64;
/// How long a finished stream is kept.
const KEEP_SECONDS: i64 = 60;
/// No read blocks longer.
const BLOCK_MILLIS: usize = 10_000;

/// The smallest pipeline with the same hops.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:8016")]
    listen: SocketAddr,
    /// RabbitMQ.
    #[arg(long)]
    amqp: String,
    /// Redis.
    #[arg(long)]
    redis: String,
    /// An OpenAI-compatible server, up to `/v1`.
    #[arg(long)]
    model: String,
}

struct Floor {
    publisher: Channel,
    queue: String,
    redis: Client,
    writer: MultiplexedConnection,
    model: reqwest::Client,
    model_url: String,
    next: AtomicU64,
}

type Body = BoxBody<Bytes, anyhow::Error>;

#[tokio::main]
#[expect(
    clippy::disallowed_methods,
    reason = "a yardstick that is killed when it was read"
)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let amqp = Connection::connect(&arguments.amqp, ConnectionProperties::default())
        .await
        .context("--amqp")?;
    let publisher = amqp.create_channel().await?;
    publisher
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let queue = format!("floor.{}", std::process::id());
    let consumer_channel = amqp.create_channel().await?;
    declare(&consumer_channel, &queue).await?;
    let redis = Client::open(arguments.redis).context("--redis")?;
    let writer = redis.get_multiplexed_async_connection().await?;
    let floor = Arc::new(Floor {
        publisher,
        queue,
        redis,
        writer,
        model: reqwest::Client::builder().no_proxy().build()?,
        model_url: format!("{}/chat/completions", arguments.model.trim_end_matches('/')),
        next: AtomicU64::new(0),
    });
    tokio::spawn(work(Arc::clone(&floor), consumer_channel));
    let listener = TcpListener::bind(arguments.listen).await?;
    println!("the floor listens on {}", listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let floor = Arc::clone(&floor);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&floor), request));
            let served = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
            // A load generator hangs up when it has what it wants.
            served.await.ok();
        });
    }
}

async fn declare(channel: &Channel, queue: &str) -> anyhow::Result<()> {
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    channel
        .queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments)
        .await?;
    Ok(channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?)
}

async fn answer(
    floor: Arc<Floor>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let number = floor.next.fetch_add(1, Ordering::Relaxed);
    let path = request.uri().path().to_owned();
    // Read to its end, so that the connection can be used again.
    request.into_body().collect().await.ok();
    if !path.ends_with("/stream") {
        let body = json!({"id": number.to_string()}).to_string();
        let whole = Full::new(Bytes::from(body)).map_err(|never| match never {});
        return Ok(Response::new(whole.boxed()));
    }
    let body = match publish(&floor, number).await {
        Ok(()) => BodyExt::boxed(StreamBody::new(events(floor, number))),
        Err(error) => {
            eprintln!("{error:#}");
            let mut response =
                Response::new(Full::default().map_err(|never| match never {}).boxed());
            *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
            return Ok(response);
        }
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/event-stream"),
    );
    Ok(response)
}

async fn publish(floor: &Floor, number: u64) -> anyhow::Result<()> {
    let message = json!({ "turn": number }).to_string();
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let confirm = floor
        .publisher
        .basic_publish(
            "".into(),
            floor.queue.as_str().into(),
            BasicPublishOptions::default(),
            message.as_bytes(),
            persistent,
        )
        .await?
        .await?;
    anyhow::ensure!(confirm.is_ack(), "the broker did not take it");
    Ok(())
}

/// What a reader is sent: each entry of the turn's stream as it comes.
#[expect(
    clippy::disallowed_methods,
    reason = "it ends with the stream or its reader"
)]
fn events(floor: Arc<Floor>, number: u64) -> mpsc::Receiver<anyhow::Result<Frame<Bytes>>> {
    let (mut sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut reading = async || -> anyhow::Result<()> {
            let mut redis = floor.redis.get_multiplexed_async_connection().await?;
            redis.set_response_timeout(Duration::from_secs(20));
            let options = StreamReadOptions::default()
                .block(BLOCK_MILLIS)
                .count(1_000);
            let key = key(number);
            let mut after = "0".to_owned();
            loop {
                let read: Option<StreamReadReply> =
                    redis.xread_options(&[&key], &[&after], &options).await?;
                let Some(entries) = read.and_then(|mut read| read.keys.pop()) else {
                    continue;
                };
                let mut frame = String::new();
                let mut is_last = false;
                for entry in entries.ids {
                    let event: String = entry.get("e").context("an entry without an event")?;
                    is_last = event == "[DONE]";
                    frame.push_str("data: ");
                    frame.push_str(&event);
                    frame.push_str("\n\n");
                    after = entry.id;
                }
                let sent = sender.send(Ok(Frame::data(frame.into()))).await;
                if is_last || sent.is_err() {
                    return Ok(());
                }
            }
        };
        if let Err(error) = reading().await {
            sender.send(Err(error)).await.ok();
        }
    });
    receiver
}

#[expect(
    clippy::disallowed_methods,
    reason = "a turn ends with the model's answer"
)]
async fn work(floor: Arc<Floor>, channel: Channel) -> anyhow::Result<()> {
    let mut deliveries = channel
        .basic_consume(
            floor.queue.as_str().into(),
            "floor".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    while let Some(delivery) = deliveries.try_next().await? {
        let floor = Arc::clone(&floor);
        tokio::spawn(async move {
            if let Err(error) = run(&floor, &delivery.data).await {
                eprintln!("{error:#}");
            }
            delivery.ack(BasicAckOptions::default()).await.ok();
        });
    }
    Ok(())
}

/// Asks the model and writes what it says to the turn's stream, piece by piece.
async fn run(floor: &Floor, message: &[u8]) -> anyhow::Result<()> {
    let message: Value = serde_json::from_slice(message)?;
    let key = key(message["turn"]
        .as_u64()
        .context("a message without a turn")?);
    let mut redis = floor.writer.clone();
    let ask = json!({
        "model": "fake", "stream": true, "messages": [{"role": "user", "content": "go"}],
    });
    let asked = floor
        .model
        .post(&floor.model_url)
        .bearer_auth("fake")
        .json(&ask);
    let mut body = asked.send().await?.error_for_status()?.bytes_stream();
    let mut rest = Vec::new();
    while let Some(bytes) = body.try_next().await? {
        rest.extend_from_slice(&bytes);
        // What came during the last write goes in one.
        while let Some(Some(more)) = body.next().now_or_never() {
            rest.extend_from_slice(&more?);
        }
        let mut batch = redis::pipe();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            if let Some(delta) = delta_of(&line) {
                // By hand: the load generator knows an event by its first key.
                let event = format!(
                    r#"{{"type":"text-delta","id":"1","delta":{}}}"#,
                    Value::from(delta)
                );
                batch.xadd(&key, "*", &[("e", event)]).ignore();
            }
        }
        if !batch.is_empty() {
            batch.query_async::<()>(&mut redis).await?;
        }
    }
    let mut end = redis::pipe();
    end.xadd(&key, "*", &[("e", "[DONE]")]).ignore();
    end.expire(&key, KEEP_SECONDS).ignore();
    Ok(end.query_async::<()>(&mut redis).await?)
}

fn delta_of(line: &[u8]) -> Option<String> {
    let chunk: Value = serde_json::from_slice(line.strip_prefix(b"data: ")?).ok()?;
    Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())
}

fn key(turn: u64) -> String {
    format!("floor:{}:{turn}", std::process::id())
}
