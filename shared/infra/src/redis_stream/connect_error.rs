//! Why Redis cannot be used at start.

use redis::RedisError;
use std::{io, path::PathBuf, time::Duration};

/// Redis cannot be used as it is configured. Each line names the setting; none has a password.
#[derive(Debug, thiserror::Error)]
pub enum RedisConnectError {
    /// The address cannot be read.
    #[error("redis.url: it cannot be read, expected redis://USER:PASSWORD@HOST:PORT/DATABASE")]
    Url(#[source] RedisError),
    /// A file of certificates cannot be read.
    #[error("{key}: {} cannot be read: {source}", path.display())]
    File {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The certificates are no good.
    #[error("redis.tls_ca_file, redis.tls_cert_file, redis.tls_key_file: {0}")]
    Tls(#[source] RedisError),
    /// The program has installed no TLS.
    #[error("redis.url: rediss:// needs a TLS provider, and this process has installed none")]
    NoTlsProvider,
    /// Nobody answers, or not as we need it.
    #[error("redis.url: no connection to {address}: {source}")]
    Refused {
        /// Host and port.
        address: String,
        /// Why.
        source: RedisError,
    },
    /// Nobody answers in time.
    #[error("redis.url: {address} did not answer within {} s", limit.as_secs())]
    Silent {
        /// Host and port.
        address: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The server is too old.
    #[error("redis.url: {address} is older than Redis 7: it has no sharded channels")]
    TooOld {
        /// Host and port.
        address: String,
    },
}
