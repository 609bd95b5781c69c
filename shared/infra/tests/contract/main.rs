//! The contract of each port, checked against each of its adapters.
//!
//! A suite is a module of plain async functions over a trait object. `queue`, `cancel` and
//! `streams` end in a macro that makes tests of them for one adapter; `store` lists its tests
//! once and runs them on SQLite in memory, on a SQLite file and on Postgres.
//!
//! Postgres runs where `COPILOT_TEST_POSTGRES_URL` names an administrator's URL (`./dev test`
//! sets it); each test makes a database of its own there and drops it. `RabbitMQ` is named by
//! `COPILOT_TEST_AMQP_URL` in the same way; each test has a prefix of its own.

#[cfg(test)]
mod broker;
#[cfg(test)]
mod cancel;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod store;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod world;
