//! Commands and scripts: each with a limit in time, tried again where that is safe, and failed
//! at once while the server is known to be away.

use super::{
    circuit::Circuits,
    connect_error::RedisConnectError,
    endpoints::{Endpoints, Topology},
    fault::{is_away, port_error},
    keys::Slot,
    line::Line,
    script::Run,
};
use copilot_core::port::PortError;
use futures::{StreamExt, TryStreamExt, stream};
use redis::{
    Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value,
    aio::MultiplexedConnection, cluster_async::ClusterConnection, from_redis_value,
};
use std::time::Duration;
use tokio::time::Instant;

/// How long a server may take to answer.
const RESPONSE_LIMIT: Duration = Duration::from_millis(1_500);
/// How long a call may take, with connecting and second tries.
const CALL_LIMIT: Duration = Duration::from_secs(2);
/// How long the first connection may take.
const FIRST_LIMIT: Duration = Duration::from_secs(5);
/// Commands of one request that are under way at once on a cluster.
const SPREAD: usize = 64;

/// One node or a cluster, as it is written to and read from.
pub(super) struct Server {
    reach: Reach,
    circuits: Circuits,
}

enum Reach {
    Node(Box<Line>),
    Cluster(ClusterConnection),
}

/// What is sent.
pub(super) enum Request<'a> {
    Command(Cmd),
    Script(Run<'a>),
}

/// Whether a request whose answer was lost may be sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Safe,
    Never,
}

impl Server {
    /// Connects, in bounded time, so that a wrong address is told at start.
    pub(super) async fn connect(endpoints: &Endpoints) -> Result<Self, RedisConnectError> {
        let refused = |source| RedisConnectError::Refused {
            address: endpoints.address(),
            source,
        };
        let connecting = async {
            let reach = match endpoints.topology() {
                Topology::Single => {
                    let config = |_| Endpoints::connection_config(RESPONSE_LIMIT);
                    let line = Line::new(endpoints.client()?, config);
                    line.get().await?;
                    Reach::Node(Box::new(line))
                }
                Topology::Cluster => {
                    let client = endpoints.cluster_client(RESPONSE_LIMIT)?;
                    Reach::Cluster(client.get_async_connection().await?)
                }
            };
            Ok(reach)
        };
        let reach = tokio::time::timeout(FIRST_LIMIT, connecting)
            .await
            .map_err(|_| RedisConnectError::Silent {
                address: endpoints.address(),
                limit: FIRST_LIMIT,
            })?
            .map_err(refused)?;
        Ok(Self {
            reach,
            circuits: Circuits::new(),
        })
    }

    /// Sends a request that concerns `slot`.
    pub(super) async fn call<T: FromRedisValue>(
        &self,
        slot: Slot,
        doing: &'static str,
        request: Request<'_>,
        again: Again,
    ) -> Result<T, PortError> {
        let value = self
            .guarded(slot, doing, self.tried(&request, again))
            .await?;
        from_redis_value(value).map_err(|error| PortError::broken(doing, error))
    }

    /// Sends commands that change nothing, each with its slot; on one node in one go.
    pub(super) async fn ask_each<T: FromRedisValue>(
        &self,
        doing: &'static str,
        commands: Vec<(Slot, Cmd)>,
    ) -> Result<Vec<T>, PortError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let Reach::Node(line) = &self.reach else {
            let calls = commands.into_iter().map(|(slot, command)| {
                self.call(slot, doing, Request::Command(command), Again::Safe)
            });
            return stream::iter(calls).buffered(SPREAD).try_collect().await;
        };
        let mut pipeline = redis::pipe();
        for (_, command) in commands {
            pipeline.add_command(command);
        }
        let ask = async || {
            let (number, mut connection) = line.get().await?;
            let answers = pipeline.query_async::<Vec<Value>>(&mut connection).await;
            hang_up_on_fault(line, number, answers)
        };
        let asking = async {
            match ask().await {
                Err(error) if error.is_connection_dropped() => ask().await,
                answers => answers,
            }
        };
        let values = self.guarded(Slot::FIRST, doing, asking).await?;
        let read = |value| from_redis_value(value).map_err(|error| PortError::broken(doing, error));
        values.into_iter().map(read).collect()
    }

    /// Within the limit in time, unless the server is known to be away.
    async fn guarded<T>(
        &self,
        slot: Slot,
        doing: &'static str,
        call: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, PortError> {
        let circuit = self.circuits.of(slot);
        circuit
            .admit(Instant::now())
            .map_err(|away| PortError::unavailable(doing, away))?;
        match tokio::time::timeout(CALL_LIMIT, call).await {
            Ok(Ok(value)) => {
                circuit.answered();
                Ok(value)
            }
            Ok(Err(error)) => {
                if is_away(&error) {
                    circuit.failed(Instant::now());
                } else {
                    circuit.answered();
                }
                Err(port_error(doing, error))
            }
            Err(elapsed) => {
                circuit.failed(Instant::now());
                Err(PortError::unavailable(doing, elapsed))
            }
        }
    }

    /// A connection that broke while it was idle is found out by the next request.
    async fn tried(&self, request: &Request<'_>, again: Again) -> RedisResult<Value> {
        match self.sent(request).await {
            Err(error) if again == Again::Safe && error.is_connection_dropped() => {
                self.sent(request).await
            }
            answer => answer,
        }
    }

    async fn sent(&self, request: &Request<'_>) -> RedisResult<Value> {
        match &self.reach {
            Reach::Node(line) => {
                let (number, mut connection) = line.get().await?;
                let answer = request.send::<MultiplexedConnection>(&mut connection).await;
                hang_up_on_fault(line, number, answer)
            }
            Reach::Cluster(connection) => request.send(&mut connection.clone()).await,
        }
    }
}

impl Request<'_> {
    async fn send<C: redis::aio::ConnectionLike>(&self, connection: &mut C) -> RedisResult<Value> {
        let run = match self {
            Self::Command(command) => return command.query_async(connection).await,
            Self::Script(run) => run,
        };
        match run.known().query_async(connection).await {
            Err(error) if is_unknown_script(&error) => run.whole().query_async(connection).await,
            answer => answer,
        }
    }
}

/// A restarted or flushed server knows no script.
fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// A connection that broke or is silent is made anew: the other end may be gone without a word.
fn hang_up_on_fault<T>(line: &Line, number: u64, answer: RedisResult<T>) -> RedisResult<T> {
    if let Err(error) = &answer
        && (error.is_unrecoverable_error() || error.is_timeout())
    {
        line.hang_up(number);
    }
    answer
}
