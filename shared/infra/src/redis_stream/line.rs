//! One connection to one node, made again when it breaks.

use super::lock;
use redis::{AsyncConnectionConfig, Client, RedisResult, aio::MultiplexedConnection};
use std::sync::Mutex;

/// Makes the settings of the connection with this number.
type Configure = Box<dyn Fn(u64) -> AsyncConnectionConfig + Send + Sync>;

/// A line to one node. Callers share the connection; whoever finds it broken hangs up, and the
/// next caller makes a new one while the others wait for it.
pub(super) struct Line {
    client: Client,
    configure: Configure,
    state: Mutex<State>,
    /// Held by whoever connects.
    gate: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    made: u64,
    connection: Option<MultiplexedConnection>,
}

impl Line {
    pub(super) fn new(
        client: Client,
        configure: impl Fn(u64) -> AsyncConnectionConfig + Send + Sync + 'static,
    ) -> Self {
        Self {
            client,
            configure: Box::new(configure),
            state: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
        }
    }

    /// The connection and its number.
    pub(super) async fn get(&self) -> RedisResult<(u64, MultiplexedConnection)> {
        if let Some(connected) = self.connected() {
            return Ok(connected);
        }
        let _gate = self.gate.lock().await;
        if let Some(connected) = self.connected() {
            return Ok(connected);
        }
        let number = {
            let mut state = lock(&self.state);
            state.made += 1;
            state.made
        };
        let config = (self.configure)(number);
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let connection = connecting.await?;
        lock(&self.state).connection = Some(connection.clone());
        Ok((number, connection))
    }

    /// The connection and its number, if there is one.
    pub(super) fn connected(&self) -> Option<(u64, MultiplexedConnection)> {
        let state = lock(&self.state);
        Some((state.made, state.connection.clone()?))
    }

    /// Gives up the connection with this number.
    pub(super) fn hang_up(&self, number: u64) {
        let mut state = lock(&self.state);
        if state.made == number {
            state.connection = None;
        }
    }
}
