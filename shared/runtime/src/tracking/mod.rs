//! One event for each accepted user message, never its text, to where the operator wants it.
//!
//! Whoever accepts a message drops the event into a bounded queue and goes on; a worker sends it.
//! Too many events, or a receiver that is away, cost events and nothing else.

mod event;
mod webhook;
mod worker;

pub use event::UserMessage;
pub use worker::{Tracker, TrackingError, TrackingWorker, tracking};
