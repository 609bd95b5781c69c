//! Queue and cancel bus over `RabbitMQ`.
//!
//! One connection for each process. A task of its own holds it: dials, declares, waits for its
//! end, and dials again. Whoever publishes takes the present connection and fails at once when
//! there is none, since a hint that is lost costs little. Whoever consumes waits a while for
//! one. A consumer dies with its connection and says so; making it again is its owner's part,
//! and declares everything anew, so that what was deleted on the broker comes back.
//!
//! Only arguments that `RabbitMQ` 3.10 to 4 accept.

mod address;
mod broker;
mod cancel;
mod config;
mod consumer;
mod dial;
mod error;
mod link;
mod message;
mod publisher;
mod queue;
mod session;
mod settler;
mod supervisor;
mod topology;

pub use broker::Rabbit;
pub use config::{RabbitClientCertificate, RabbitConfig, RabbitTls};
pub use error::RabbitConnectError;
