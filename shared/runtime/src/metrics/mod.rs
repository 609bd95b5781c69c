//! Metrics: what a process counts, and the listener that tells it to Prometheus.
//!
//! Nothing is global. The program makes a [`Registry`], each part registers its own metrics in it
//! and keeps the handles, and at last the listener takes it. Handles are atomics or behind a short
//! lock of their own; what happens for each chunk uses only the former.

mod buckets;
mod listener;
mod rounds;
mod turn_ends;
mod unreadable;

pub use buckets::{Buckets, histogram};
pub use listener::{MetricsListenError, MetricsListener};
pub use prometheus_client::registry::Registry;
pub use rounds::RoundMetrics;
pub use turn_ends::TurnEndMetrics;
pub(crate) use unreadable::Unreadable;
