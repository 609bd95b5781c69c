//! The adapter.

use super::{
    compaction::{self, compact},
    config::RedisConfig,
    connect_error::RedisConnectError,
    encoding::{self, Batch, EncodingError},
    endpoints::{Endpoints, Topology},
    hub::Hub,
    keys::{Keys, Slot},
    lock,
    rights::ChannelFault,
    script::{Run, Scripts},
    server::{Again, Request, Server},
};
use async_trait::async_trait;
use copilot_core::{
    event::{Entry, Event},
    id::{IdSource, SystemIds},
    port::{
        PortError,
        ready::ReadyPart,
        stream::{Append, Appended, Begun, LiveFeed, LiveStatus, TurnStreams},
    },
    position::{Attempt, Position},
    turn::TurnKey,
};
use futures::{StreamExt, TryStreamExt, stream};
use redis::Cmd;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a stream lives that nobody keeps alive: its turn waits, or its executor is gone.
const LIVE_TTL: Duration = Duration::from_mins(15);
/// Streams are kept alive so often.
const KEEP_EVERY: Duration = Duration::from_mins(1);
/// How long a deleted turn's stream still fences late writers.
const BURIED_TTL: Duration = Duration::from_mins(1);
/// Batches read in one go.
const PAGE: usize = 64;
/// Calls of one keep-alive that are under way at once.
const SPREAD: usize = 64;
/// Ended streams that are compacted at once; a further one stays as it is.
const COMPACTIONS: usize = 16;

/// Answers of the scripts.
const DONE: i64 = 1;
const FENCED: i64 = 2;

/// One item of a stream: its id, then field and batch.
type Item = (String, Vec<Vec<u8>>);

/// Streams on Redis 7 or Valkey.
pub struct RedisStreams {
    core: Arc<Core>,
    hub: Arc<Hub>,
    tasks: TaskTracker,
    compactions: Arc<Semaphore>,
    kept_at: Mutex<Option<Instant>>,
}

/// What a compaction needs too, which goes on behind the caller's back.
struct Core {
    server: Server,
    scripts: Scripts,
    prefix: String,
    ttl: Duration,
    topology: Topology,
}

impl RedisStreams {
    /// Connects, in bounded time. Its tasks run on `tasks` until `stop`; a later loss of the
    /// server is an error of the calls, never an end.
    pub async fn connect(
        config: RedisConfig,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, RedisConnectError> {
        let endpoints = Endpoints::new(&config)?;
        let server = Server::connect(&endpoints).await?;
        let address = endpoints.address();
        let core = Core {
            server,
            scripts: Scripts::new(),
            prefix: config.prefix,
            ttl: config.ttl,
            topology: endpoints.topology(),
        };
        match core.check_channels().await {
            Ok(()) => {}
            Err(ChannelFault::TooOld) => return Err(RedisConnectError::TooOld { address }),
            Err(fault) => tracing::warn!(error = %fault, "redis channels"),
        }
        let hub = Hub::new(endpoints);
        tasks.spawn(Arc::clone(&hub).run(stop));
        Ok(Arc::new(Self {
            core: Arc::new(core),
            hub,
            tasks,
            compactions: Arc::new(Semaphore::new(COMPACTIONS)),
            kept_at: Mutex::default(),
        }))
    }

    /// Whether the Redis user may use channels: without them readers see entries late.
    pub async fn check_channels(&self) -> Result<(), ChannelFault> {
        self.core.check_channels().await
    }

    /// Turns that are subscribed for readers here.
    #[must_use]
    pub fn subscribed(&self) -> usize {
        self.hub.subscribed()
    }

    fn keys(&self, turn: TurnKey) -> Keys {
        self.core.keys(turn)
    }

    async fn write(&self, turn: TurnKey, append: Append, last: Last) -> Result<Written, PortError> {
        let (doing, flag, ttl) = match last {
            Last::No => ("appending to a stream", 0, LIVE_TTL),
            Last::Yes => ("ending a stream", 1, self.core.ttl),
        };
        let keys = self.keys(turn);
        let run = self
            .core
            .scripts
            .write
            .on(&keys)
            .number(&append.attempt)
            .number(&append.from)
            .number(&append.to())
            .number(&flag)
            .number(&ttl.as_millis());
        let batches = encoding::batches(entries(&append)).map_err(unreadable(doing))?;
        let run = with_batches(run, batches);
        let (code, shown, batches) = self
            .core
            .server
            .call::<(i64, u8, u64)>(keys.slot, doing, Request::Script(run), Again::Safe)
            .await?;
        if shown == 0 {
            tracing::debug!(turn_id = %turn.turn_id, "entries were stored but not shown");
        }
        Ok(Written {
            appended: match code {
                DONE => Appended::Done,
                FENCED => Appended::Fenced,
                _ => Appended::Lost,
            },
            batches,
        })
    }

    /// Behind the caller's back, and only a saving.
    fn compact_later(&self, turn: TurnKey, position: Position) {
        let Ok(permit) = Arc::clone(&self.compactions).try_acquire_owned() else {
            return;
        };
        let core = Arc::clone(&self.core);
        self.tasks.spawn(async move {
            let _permit = permit;
            if let Err(error) = core.compact(turn, position).await {
                tracing::debug!(turn_id = %turn.turn_id, %error, source = %error.source, "stream not compacted");
            }
        });
    }

    /// Whether it is time again to keep streams alive.
    fn is_due(&self) -> bool {
        lock(&self.kept_at).is_none_or(|kept_at| kept_at.elapsed() >= KEEP_EVERY)
    }
}

/// Whether an append ends the stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Yes,
    No,
}

struct Written {
    appended: Appended,
    /// How many the stream holds now.
    batches: u64,
}

impl Core {
    fn keys(&self, turn: TurnKey) -> Keys {
        Keys::new(&self.prefix, turn, self.topology)
    }

    async fn read(&self, keys: &Keys, after: Position) -> Result<Vec<Arc<Entry>>, PortError> {
        const DOING: &str = "reading a stream";
        let mut read: Vec<Arc<Entry>> = Vec::new();
        let mut page_after = after;
        loop {
            let mut range = redis::cmd("XRANGE");
            range
                .arg(&keys.stream)
                .arg(format!("({page_after}"))
                .arg("+")
                .arg("COUNT")
                .arg(PAGE);
            let page = self
                .server
                .call::<Vec<Item>>(keys.slot, DOING, Request::Command(range), Again::Safe)
                .await?;
            let is_last = page.len() < PAGE;
            for (id, fields) in page {
                page_after = id
                    .parse()
                    .map_err(|error| PortError::broken(DOING, error))?;
                let bytes = fields.get(1).ok_or(EncodingError::Unknown);
                let batch = bytes
                    .and_then(|bytes| encoding::entries(bytes))
                    .map_err(unreadable(DOING))?;
                for entry in batch {
                    push_rest(&mut read, entry, after);
                }
            }
            if is_last {
                return Ok(read);
            }
        }
    }

    async fn statuses(&self, turns: &[TurnKey]) -> Result<Vec<Option<LiveStatus>>, PortError> {
        const DOING: &str = "asking where streams stand";
        let commands = turns.iter().map(|turn| {
            let keys = self.keys(*turn);
            let mut command = redis::cmd("HMGET");
            command
                .arg(&keys.task)
                .arg(&["status", "attempt", "position"]);
            (keys.slot, command)
        });
        let commands: Vec<(Slot, Cmd)> = commands.collect();
        let answers = self
            .server
            .ask_each::<[Option<String>; 3]>(DOING, commands)
            .await?;
        answers
            .into_iter()
            .map(|answer| status(DOING, answer))
            .collect()
    }

    async fn compact(&self, turn: TurnKey, position: Position) -> Result<(), PortError> {
        let keys = self.keys(turn);
        let entries = self.read(&keys, Position::ZERO).await?;
        compact(&self.server, &self.scripts, &keys, position, entries).await
    }

    /// Tries a channel that no turn has.
    async fn check_channels(&self) -> Result<(), ChannelFault> {
        let nobody = TurnKey {
            session_id: SystemIds.next().into(),
            turn_id: SystemIds.next().into(),
        };
        let refusal = self.publish(nobody, &Event::status("probe")).await?;
        if refusal.is_empty() {
            Ok(())
        } else {
            Err(ChannelFault::of(&refusal, &self.prefix))
        }
    }

    /// Shows a passing event; empty, or why the server refuses to.
    async fn publish(&self, turn: TurnKey, event: &Event) -> Result<String, PortError> {
        const DOING: &str = "showing a passing event";
        let keys = self.keys(turn);
        let bytes = encoding::passing(event).map_err(unreadable(DOING))?;
        let run = self.scripts.publish.on(&keys).arg(bytes);
        self.server
            .call(keys.slot, DOING, Request::Script(run), Again::Never)
            .await
    }
}

#[async_trait]
impl ReadyPart for RedisStreams {
    fn name(&self) -> &'static str {
        "redis"
    }

    async fn check(&self) -> Result<(), PortError> {
        let ping = Request::Command(redis::cmd("PING"));
        self.core
            .server
            .call::<redis::Value>(Slot::FIRST, "asking redis", ping, Again::Safe)
            .await
            .map(drop)
    }
}

#[async_trait]
impl TurnStreams for RedisStreams {
    async fn begin(&self, turn: TurnKey, attempt: Attempt) -> Result<Begun, PortError> {
        const DOING: &str = "beginning a stream";
        let keys = self.keys(turn);
        // The name makes a begin whose answer was lost answer the same again.
        let run = self
            .core
            .scripts
            .begin
            .on(&keys)
            .number(&attempt)
            .number(&LIVE_TTL.as_millis())
            .number(&SystemIds.next());
        let (code, position, former) = self
            .core
            .server
            .call::<(i64, String, i64)>(keys.slot, DOING, Request::Script(run), Again::Safe)
            .await?;
        if code == FENCED {
            return Ok(Begun::Fenced);
        }
        Ok(Begun::At {
            position: position
                .parse()
                .map_err(|error| PortError::broken(DOING, error))?,
            former: Attempt::try_from(former).ok(),
        })
    }

    async fn append(&self, turn: TurnKey, append: Append) -> Result<Appended, PortError> {
        Ok(self.write(turn, append, Last::No).await?.appended)
    }

    async fn finish(&self, turn: TurnKey, append: Append) -> Result<Appended, PortError> {
        let to = append.to();
        let written = self.write(turn, append, Last::Yes).await?;
        if written.appended == Appended::Done && written.batches >= compaction::WORTH_IT {
            self.compact_later(turn, to);
        }
        Ok(written.appended)
    }

    async fn publish(&self, turn: TurnKey, event: Event) -> Result<(), PortError> {
        self.core.publish(turn, &event).await.map(drop)
    }

    async fn read(
        &self,
        turn: TurnKey,
        after: Position,
    ) -> Result<Option<Vec<Arc<Entry>>>, PortError> {
        let keys = self.keys(turn);
        let read = self.core.read(&keys, after).await?;
        if read.is_empty() && self.status(turn).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(read))
    }

    async fn status(&self, turn: TurnKey) -> Result<Option<LiveStatus>, PortError> {
        Ok(self
            .core
            .statuses(&[turn])
            .await?
            .into_iter()
            .flatten()
            .next())
    }

    async fn statuses(&self, turns: &[TurnKey]) -> Result<Vec<Option<LiveStatus>>, PortError> {
        self.core.statuses(turns).await
    }

    async fn follow(&self, turn: TurnKey) -> Result<Box<dyn LiveFeed>, PortError> {
        Ok(self.hub.follow(&self.keys(turn)).await)
    }

    /// Often called, seldom done: a stream outlives many rounds.
    async fn keep_alive(&self, turns: &[TurnKey]) -> Result<(), PortError> {
        const DOING: &str = "keeping a stream";
        if turns.is_empty() || !self.is_due() {
            return Ok(());
        }
        stream::iter(turns.iter().map(|turn| self.keys(*turn)))
            .map(Ok)
            .try_for_each_concurrent(SPREAD, async |keys| {
                let run = self
                    .core
                    .scripts
                    .keep
                    .on(&keys)
                    .number(&LIVE_TTL.as_millis());
                self.core
                    .server
                    .call::<i64>(keys.slot, DOING, Request::Script(run), Again::Safe)
                    .await
                    .map(drop)
            })
            .await?;
        *lock(&self.kept_at) = Some(Instant::now());
        Ok(())
    }

    async fn bury(&self, turn: TurnKey, append: Append) -> Result<(), PortError> {
        const DOING: &str = "burying a stream";
        let keys = self.keys(turn);
        let run = self
            .core
            .scripts
            .bury
            .on(&keys)
            .number(&append.attempt)
            .number(&BURIED_TTL.as_millis());
        let singles = encoding::singles(entries(&append)).map_err(unreadable(DOING))?;
        self.core
            .server
            .call::<i64>(
                keys.slot,
                DOING,
                Request::Script(with_batches(run, singles)),
                Again::Safe,
            )
            .await
            .map(drop)
    }
}

fn entries(append: &Append) -> impl Iterator<Item = &Entry> {
    append.entries.iter().map(AsRef::as_ref)
}

fn with_batches(run: Run<'_>, batches: Vec<Batch>) -> Run<'_> {
    batches.into_iter().fold(run, |run, batch| {
        run.number(&batch.position).arg(batch.bytes)
    })
}

/// Adds what of `entry` is after `after` and after what was read: a stream that was compacted
/// between two pages brings some of it twice.
fn push_rest(read: &mut Vec<Arc<Entry>>, entry: Arc<Entry>, after: Position) {
    match read.last().map(|last| last.position) {
        _ if entry.position <= after => {}
        Some(last) if entry.position <= last => {}
        Some(last) if entry.first() <= last => read.push(Arc::new(entry.after(last))),
        _ => read.push(entry),
    }
}

fn status(
    doing: &'static str,
    answer: [Option<String>; 3],
) -> Result<Option<LiveStatus>, PortError> {
    let [Some(status), Some(attempt), Some(position)] = answer else {
        return Ok(None);
    };
    Ok(Some(LiveStatus {
        attempt: attempt
            .parse()
            .map_err(|error| PortError::broken(doing, error))?,
        position: position
            .parse()
            .map_err(|error| PortError::broken(doing, error))?,
        ended: status == "ended",
    }))
}

fn unreadable(doing: &'static str) -> impl Fn(EncodingError) -> PortError {
    move |error| PortError::broken(doing, error)
}
