//! Where a response gets what it shows.

use copilot_core::service::reading::{Shown, TurnReader};
use std::future::Future;

/// A reader of one turn.
pub(crate) trait ShownSource: Send + 'static {
    /// The next things to show, at least one; empty: all was shown. Safe to drop at any await.
    fn next(&mut self) -> impl Future<Output = Vec<Shown>> + Send;
}

impl ShownSource for TurnReader {
    fn next(&mut self) -> impl Future<Output = Vec<Shown>> + Send {
        Self::next(self)
    }
}
