//! Turn streams on Redis 7 or Valkey, one node or a cluster.
//!
//! A turn has two keys in one slot, `<prefix>:{<session>}:turn:<turn>` and the same with
//! `:task` behind it. The first is a stream: one item for each batch of entries, its id the
//! position of the batch's last entry. The second is a hash: status, attempt, position, and
//! how many batches the stream holds, so that a tail that was lost is seen.
//!
//! Each write is one script, which also shows the batch on the channel that is named like the
//! stream. The [`hub`] brings those to the readers of this process.

mod circuit;
mod compaction;
mod config;
mod connect_error;
mod encoding;
mod endpoints;
mod fault;
mod hub;
mod keys;
mod line;
mod rights;
mod script;
mod server;
mod streams;

pub use config::{RedisClientCertificate, RedisConfig, RedisNodes, RedisTls};
pub use connect_error::RedisConnectError;
pub use rights::ChannelFault;
pub use streams::RedisStreams;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock whose holder panicked is as good as before: every change under it is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
