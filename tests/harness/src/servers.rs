//! The servers of this test run, and what of them belongs to one test.

use std::env;

use crate::postgres::{SERVER_VARIABLE, TestDatabase, database_on};

/// The variable that names Redis.
pub const REDIS_VARIABLE: &str = "COPILOT_TEST_REDIS_URL";
/// The variable that names a cluster of Redis.
pub const REDIS_CLUSTER_VARIABLE: &str = "COPILOT_TEST_REDIS_CLUSTER_URL";
/// The variable that names RabbitMQ.
pub const AMQP_VARIABLE: &str = "COPILOT_TEST_AMQP_URL";

/// A database, a key prefix and a broker prefix that no other test has.
pub struct Tenancy {
    database: TestDatabase,
    redis: String,
    amqp: String,
    prefix: String,
}

/// Servers to use instead of those of this run, by their addresses.
#[derive(Clone, Debug, Default)]
pub struct Servers {
    /// PostgreSQL, by an administrator's URL.
    pub postgres: Option<String>,
    /// Redis.
    pub redis: Option<String>,
    /// RabbitMQ.
    pub amqp: Option<String>,
}

impl Tenancy {
    /// A place of its own on these servers.
    pub fn take(servers: Servers) -> Self {
        let named = |own: Option<String>, variable| own.unwrap_or_else(|| of_run(variable));
        Self {
            database: database_on(named(servers.postgres, SERVER_VARIABLE)),
            redis: named(servers.redis, REDIS_VARIABLE),
            amqp: named(servers.amqp, AMQP_VARIABLE),
            prefix: format!("t{:016x}", rand::random::<u64>()),
        }
    }

    /// The database's URL.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// RabbitMQ's URL.
    pub fn amqp_url(&self) -> &str {
        &self.amqp
    }

    /// The database's name.
    pub fn database_name(&self) -> &str {
        self.database.name()
    }

    /// First part of all names on Redis and RabbitMQ.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What the programs are told of it.
    pub fn settings(&self) -> [(&'static str, String); 5] {
        [
            ("COPILOT__DATABASE__URL", self.database.url().to_owned()),
            ("COPILOT__REDIS__URL", self.redis.clone()),
            ("COPILOT__REDIS__PREFIX", self.prefix.clone()),
            ("COPILOT__RABBITMQ__URL", self.amqp.clone()),
            ("COPILOT__RABBITMQ__PREFIX", self.prefix.clone()),
        ]
    }
}

/// The address of a server of this run.
pub fn of_run(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: run the tests by `./dev test`, which starts private servers, \
             or name one"
        )
    })
}
