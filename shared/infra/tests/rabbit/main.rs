//! The adapter of `RabbitMQ` beyond the contract of its ports: what it writes, and what becomes
//! of it when the broker is restarted, frozen, cut off, emptied or set up in another way.
//!
//! Tests that ill-treat the broker start one of their own; the others use the one that
//! `COPILOT_TEST_AMQP_URL` names, each under a prefix of its own.

#[cfg(test)]
mod connecting;
#[cfg(test)]
mod deleted;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod place;
#[cfg(test)]
mod tls;
