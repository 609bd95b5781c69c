use super::fault::{Fault, plain_name};
use super::program::Program;
use super::raw::{RawRabbitMq, RawRedis};
use super::redis_url::RedisUrl;
use super::secret_url::SecretUrl;
use super::tls::TlsSettings;

/// What carries turns, cancels and live streams.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of them in a process"
)]
pub enum BackendSettings {
    /// `copilot`: all of it in this process.
    Embedded,
    /// `copilot-api` and `copilot-executor`.
    Distributed {
        /// Live streams.
        redis: RedisSettings,
        /// Turns and cancels.
        rabbitmq: RabbitMqSettings,
    },
}

/// Redis or Valkey.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// One node or a cluster.
    pub url: RedisUrl,
    /// First part of every key and channel.
    pub prefix: String,
    /// For `rediss://`.
    pub tls: TlsSettings,
}

/// `RabbitMQ`.
#[derive(Debug, Clone)]
pub struct RabbitMqSettings {
    /// `amqp://` or `amqps://`, the virtual host as path.
    pub url: SecretUrl,
    /// First part of every exchange and queue.
    pub prefix: String,
    /// For `amqps://`.
    pub tls: TlsSettings,
}

impl BackendSettings {
    /// Both sections are checked in every program; `copilot` has no use for them.
    pub(super) fn checked(
        program: Program,
        redis: RawRedis,
        rabbitmq: RawRabbitMq,
    ) -> Result<Self, Fault> {
        let redis_prefix = plain_name("redis.prefix", redis.prefix)?;
        let redis_tls = TlsSettings::checked(
            ["redis.tls_cert_file", "redis.tls_key_file"],
            redis.tls_ca_file,
            redis.tls_cert_file,
            redis.tls_key_file,
        )?;
        let rabbitmq_prefix = plain_name("rabbitmq.prefix", rabbitmq.prefix)?;
        let rabbitmq_tls = TlsSettings::checked(
            ["rabbitmq.tls_cert_file", "rabbitmq.tls_key_file"],
            rabbitmq.tls_ca_file,
            rabbitmq.tls_cert_file,
            rabbitmq.tls_key_file,
        )?;
        match program {
            Program::Copilot => Ok(Self::Embedded),
            Program::Api | Program::Executor => Ok(Self::Distributed {
                redis: RedisSettings {
                    url: redis.url.ok_or_else(|| {
                        Fault::new(
                            "redis.url",
                            format!("needed by {program}: the address of Redis 7 or Valkey"),
                        )
                    })?,
                    prefix: redis_prefix,
                    tls: redis_tls,
                },
                rabbitmq: RabbitMqSettings {
                    url: rabbitmq.url.map(|url| url.0).ok_or_else(|| {
                        Fault::new(
                            "rabbitmq.url",
                            format!("needed by {program}: the address of RabbitMQ"),
                        )
                    })?,
                    prefix: rabbitmq_prefix,
                    tls: rabbitmq_tls,
                },
            }),
        }
    }
}
