//! Queue, cancel bus and streams inside one process.
//!
//! Nothing here survives the process, and nothing needs to: the database has every turn and
//! all that is durable of its stream. No lock is ever held across an await.

mod cancel;
mod queue;
mod stream_log;
mod streams;

pub use cancel::InProcessCancelBus;
pub use queue::InProcessQueue;
pub use streams::InProcessStreams;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock whose holder panicked is as good as before: every change under it is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
