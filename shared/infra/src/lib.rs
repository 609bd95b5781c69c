//! Adapters of the ports of `copilot-core`: in-process, Redis, `RabbitMQ` and SQL.
//!
//! The only crate that knows a database or a broker. Adapters know nothing of each other;
//! `copilot-runtime` picks one for each seam, once, at start.

pub mod db;
pub mod in_process;
pub mod rabbit;
pub mod redis_stream;
