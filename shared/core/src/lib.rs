//! The vocabulary of a turn, the ports it needs from the outside, and the use cases above them.
//!
//! No crate that does I/O is a dependency here: adapters implement [`port`], and the
//! [`service`] modules hold what must be the same whichever adapter is behind.

pub mod clock;
pub mod event;
pub mod id;
pub mod ledger;
pub mod message;
pub mod outline;
pub mod pen;
pub mod port;
pub mod position;
pub mod service;
pub mod session;
pub mod title;
pub mod traceparent;
pub mod turn;
