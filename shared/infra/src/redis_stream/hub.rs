//! Brings what is added to the readers of this process.
//!
//! One RESP3 connection, one a node on a cluster, subscribes to the channel of each turn that
//! has readers here; they share what it brings. Where anything may have been missed (a
//! connection broke, a reader was too slow) the reader is told to read the history.
//!
//! Which node has a channel is learnt by asking: a wrong one names the right one.

mod channel;
mod feed;

use super::{
    circuit::Circuits,
    encoding::{self, Message},
    endpoints::Endpoints,
    keys::Keys,
    line::Line,
    lock,
};
use channel::{Channel, LinkId};
use copilot_core::port::stream::LiveFeed;
use feed::Feed;
use futures::{StreamExt, stream};
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisError, RedisResult, Value};
use std::{
    collections::{HashMap, HashSet},
    io,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// How long a node may take to answer.
const RESPONSE_LIMIT: Duration = Duration::from_millis(1_500);
/// How long subscribing may take, with connecting and finding the node.
const SUBSCRIBE_LIMIT: Duration = Duration::from_secs(2);
/// An idle connection is asked so often whether it still lives.
const PING_EVERY: Duration = Duration::from_secs(3);
/// Between two rounds of tries to subscribe again, at first and at most.
const RETRY: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(1);
/// Channels that are seen to at once.
const WIDTH: usize = 64;
/// How often a subscription may be sent on to another node.
const REDIRECTIONS: usize = 5;

/// The readers of this process and the connections that serve them.
pub(super) struct Hub {
    endpoints: Endpoints,
    me: Weak<Self>,
    channels: Mutex<HashMap<String, Arc<Channel>>>,
    /// By host and port.
    links: Mutex<HashMap<String, Arc<Line>>>,
    circuits: Circuits,
    /// Channels whose last reader has gone, or that lost their subscription.
    neglected: Mutex<HashSet<String>>,
    attention: Notify,
}

impl Hub {
    /// A hub without connections; [`Self::run`] must be running.
    pub(super) fn new(endpoints: Endpoints) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            endpoints,
            me: Weak::clone(me),
            channels: Mutex::default(),
            links: Mutex::default(),
            circuits: Circuits::new(),
            neglected: Mutex::default(),
            attention: Notify::new(),
        })
    }

    /// Opens a feed. While the server is away it is open all the same, and told
    /// [`Missed`](copilot_core::port::stream::Live::Missed) once it is subscribed.
    pub(super) async fn follow(self: &Arc<Self>, keys: &Keys) -> Box<dyn LiveFeed> {
        let (channel, queue) = {
            let mut channels = lock(&self.channels);
            let channel = channels.entry(keys.stream.clone()).or_default();
            (Arc::clone(channel), channel.join())
        };
        let feed = Feed::new(Arc::clone(self), keys.stream.clone(), Arc::clone(&queue));
        let circuit = self.circuits.of(keys.slot);
        if !channel.is_up() && circuit.admit(Instant::now()).is_ok() {
            let subscribing = self.subscribe(&keys.stream, &channel);
            match timeout(SUBSCRIBE_LIMIT, subscribing).await {
                Ok(Ok(())) => circuit.answered(),
                Ok(Err(error)) => {
                    tracing::debug!(channel = keys.stream, %error, "no subscription yet");
                    circuit.failed(Instant::now());
                }
                Err(_) => circuit.failed(Instant::now()),
            }
        }
        channel.open(&queue);
        if !channel.is_up() {
            self.neglect(keys.stream.clone());
        }
        Box::new(feed)
    }

    /// Subscribes once more where a subscription was lost, ends those that nobody needs, and
    /// finds out connections that died without a word, until `stop`.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = *RETRY.start();
        let mut ping_at = Instant::now() + PING_EVERY;
        while !stop.is_cancelled() {
            let waiting = async {
                if lock(&self.neglected).is_empty() {
                    tokio::select! {
                        () = self.attention.notified() => {}
                        () = tokio::time::sleep_until(ping_at) => {}
                    }
                }
            };
            if stop.run_until_cancelled(waiting).await.is_none() {
                return;
            }
            let names = std::mem::take(&mut *lock(&self.neglected));
            let is_all_well = stream::iter(names)
                .map(|name| self.attend(name))
                .buffer_unordered(WIDTH)
                .fold(true, async |all, one| all && one);
            let Some(is_all_well) = stop.run_until_cancelled(is_all_well).await else {
                return;
            };
            if Instant::now() >= ping_at {
                self.ping().await;
                ping_at = Instant::now() + PING_EVERY;
            }
            if is_all_well {
                pause = *RETRY.start();
            } else {
                stop.run_until_cancelled(tokio::time::sleep(pause)).await;
                pause = (pause * 2).min(*RETRY.end());
            }
        }
    }

    /// How many channels are subscribed.
    pub(super) fn subscribed(&self) -> usize {
        let channels = lock(&self.channels);
        channels.values().filter(|channel| channel.is_up()).count()
    }

    /// A reader has gone.
    fn leave(&self, name: &str, queue: &Arc<feed::Queue>) {
        let is_last = lock(&self.channels)
            .get(name)
            .is_some_and(|channel| channel.leave(queue));
        if is_last {
            self.neglect(name.to_owned());
        }
    }

    fn neglect(&self, name: String) {
        lock(&self.neglected).insert(name);
        self.attention.notify_one();
    }

    /// Whether all is well with the channel now.
    async fn attend(&self, name: String) -> bool {
        let Some(channel) = lock(&self.channels).get(&name).cloned() else {
            return true;
        };
        if channel.is_empty() {
            // A reader that comes meanwhile waits for the gate and subscribes again.
            let _gate = channel.gate().await;
            if channel.is_empty() {
                self.unsubscribe(&name, &channel).await;
                let mut channels = lock(&self.channels);
                if channel.is_empty() {
                    channels.remove(&name);
                }
            }
            return true;
        }
        let subscribed = timeout(SUBSCRIBE_LIMIT, self.subscribe(&name, &channel)).await;
        let is_well = matches!(subscribed, Ok(Ok(())));
        if !is_well {
            lock(&self.neglected).insert(name);
        }
        is_well
    }

    async fn unsubscribe(&self, name: &str, channel: &Channel) {
        let Some(link) = channel.take_down() else {
            return;
        };
        let node = lock(&self.links).get(&*link.address).cloned();
        if let Some(node) = node
            && let Some((number, mut connection)) = node.connected()
            && number == link.number
        {
            let mut command = redis::cmd("SUNSUBSCRIBE");
            let ended = command
                .arg(name)
                .query_async::<Value>(&mut connection)
                .await;
            // A subscription that stays brings nothing to anybody.
            if let Err(error) = ended {
                tracing::debug!(channel = name, %error, "channel not left");
            }
        }
    }

    async fn subscribe(&self, name: &str, channel: &Channel) -> RedisResult<()> {
        let _gate = channel.gate().await;
        if channel.is_up() {
            return Ok(());
        }
        let mut last = RedisError::from(io::Error::other("no node is known"));
        for address in self.nodes() {
            match self.subscribe_from(address, name, channel).await {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Asks the node at `address`, then the one that it names.
    async fn subscribe_from(
        &self,
        address: String,
        name: &str,
        channel: &Channel,
    ) -> RedisResult<()> {
        let mut address = address;
        for _ in 0..REDIRECTIONS {
            let node = self.line(&address)?;
            let (number, mut connection) = node.get().await?;
            let link = LinkId {
                address: address.as_str().into(),
                number,
            };
            // Before it is sent: whatever happens to the connection from now on is noticed.
            channel.ask(link.clone());
            let mut command = redis::cmd("SSUBSCRIBE");
            let asked = command
                .arg(name)
                .query_async::<Value>(&mut connection)
                .await;
            let Err(error) = asked else {
                return if channel.confirm(&link) {
                    Ok(())
                } else {
                    Err(io::Error::other("the connection broke meanwhile").into())
                };
            };
            channel.lose(&link);
            let Some((other, _)) = error.redirect_node() else {
                if error.is_unrecoverable_error() || error.is_timeout() {
                    self.hang_up(&link);
                }
                return Err(error);
            };
            other.clone_into(&mut address);
        }
        Err(io::Error::other("no node has the channel").into())
    }

    /// Where to ask: nodes with a connection, then the configured ones.
    fn nodes(&self) -> Vec<String> {
        let mut nodes: Vec<String> = {
            let links = lock(&self.links);
            let connected = links.iter().filter(|(_, line)| line.connected().is_some());
            connected.map(|(address, _)| address.clone()).collect()
        };
        for seed in self.endpoints.seed_addresses() {
            if !nodes.contains(&seed) {
                nodes.push(seed);
            }
        }
        nodes
    }

    fn line(&self, address: &str) -> RedisResult<Arc<Line>> {
        let mut links = lock(&self.links);
        if let Some(line) = links.get(address) {
            return Ok(Arc::clone(line));
        }
        let client = self.endpoints.push_client(address)?;
        let at: Arc<str> = address.into();
        let hub = Weak::clone(&self.me);
        let line = Arc::new(Line::new(client, move |number| {
            let link = LinkId {
                address: Arc::clone(&at),
                number,
            };
            push_config(Weak::clone(&hub), link)
        }));
        links.insert(address.to_owned(), Arc::clone(&line));
        Ok(line)
    }

    async fn ping(&self) {
        let links: Vec<_> = {
            let links = lock(&self.links);
            links
                .iter()
                .map(|(at, line)| (at.clone(), Arc::clone(line)))
                .collect()
        };
        let pings = links.into_iter().map(async |(address, node)| {
            let Some((number, mut connection)) = node.connected() else {
                return;
            };
            let answer = redis::cmd("PING")
                .query_async::<Value>(&mut connection)
                .await;
            if answer.is_err_and(|error| error.is_unrecoverable_error() || error.is_timeout()) {
                let link = LinkId {
                    address: address.as_str().into(),
                    number,
                };
                self.hang_up(&link);
            }
        });
        futures::future::join_all(pings).await;
    }

    /// Gives up a connection. Whoever read over it may have missed something.
    fn hang_up(&self, link: &LinkId) {
        if let Some(line) = lock(&self.links).get(&*link.address) {
            line.hang_up(link.number);
        }
        let names: Vec<_> = {
            let channels = lock(&self.channels);
            let down = channels.iter().filter(|(_, channel)| channel.lose(link));
            down.map(|(name, _)| name.clone()).collect()
        };
        if !names.is_empty() {
            tracing::info!(node = %link.address, channels = names.len(), "redis connection lost, subscribing again");
        }
        for name in names {
            self.neglect(name);
        }
    }

    /// Takes what a connection was sent. Runs in the task that reads the socket, so that
    /// nothing queues up before the readers' own bounded queues.
    fn pushed(&self, link: &LinkId, info: &PushInfo) {
        match (&info.kind, info.data.as_slice()) {
            (PushKind::SMessage, [Value::BulkString(name), Value::BulkString(payload), ..]) => {
                self.bring(name, payload);
            }
            // Unasked: the slot has moved to another node.
            (PushKind::SUnsubscribe, [Value::BulkString(name), ..]) => {
                let name = String::from_utf8_lossy(name);
                let channel = lock(&self.channels).get(&*name).cloned();
                if channel.is_some_and(|channel| channel.lose(link)) {
                    self.neglect(name.into_owned());
                }
            }
            (PushKind::Disconnection, _) => self.hang_up(link),
            _ => {}
        }
    }

    fn bring(&self, name: &[u8], payload: &[u8]) {
        let Ok(name) = std::str::from_utf8(name) else {
            return;
        };
        let Some(channel) = lock(&self.channels).get(name).cloned() else {
            return;
        };
        match encoding::message(payload) {
            Ok(Message::Entries(entries)) => channel.bring(&entries, payload.len()),
            Ok(Message::Passing(event)) => channel.pass(&event),
            Err(error) => {
                tracing::warn!(channel = name, %error, "message that cannot be read");
                channel.miss();
            }
        }
    }
}

fn push_config(hub: Weak<Hub>, link: LinkId) -> AsyncConnectionConfig {
    Endpoints::connection_config(RESPONSE_LIMIT).set_push_sender(move |info: PushInfo| {
        if let Some(hub) = hub.upgrade() {
            hub.pushed(&link, &info);
        }
        Ok::<(), std::convert::Infallible>(())
    })
}
