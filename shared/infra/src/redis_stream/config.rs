//! What an operator says about Redis.

use std::{path::PathBuf, time::Duration};

/// Where Redis is, and how streams are kept there.
#[derive(Clone)]
pub struct RedisConfig {
    /// One node or a cluster.
    pub nodes: RedisNodes,
    /// First part of every key and channel.
    pub prefix: String,
    /// How long a stream lives after its end.
    pub ttl: Duration,
    /// For `rediss://`.
    pub tls: RedisTls,
}

/// Addresses, each a URL `redis://` or `rediss://` that may hold user, password and database.
#[derive(Clone)]
pub enum RedisNodes {
    /// The one node.
    One(String),
    /// Some nodes of a cluster, which know the others.
    Cluster(Vec<String>),
}

impl RedisNodes {
    pub(super) fn urls(&self) -> &[String] {
        match self {
            Self::One(url) => std::slice::from_ref(url),
            Self::Cluster(urls) => urls,
        }
    }
}

/// Own certificates.
#[derive(Clone, Debug, Default)]
pub struct RedisTls {
    /// The authority that signed the server's certificate; without it the system's.
    pub ca_file: Option<PathBuf>,
    /// What we show of ourselves.
    pub client: Option<RedisClientCertificate>,
}

/// A client certificate with its key.
#[derive(Clone, Debug)]
pub struct RedisClientCertificate {
    /// PEM.
    pub cert_file: PathBuf,
    /// PEM.
    pub key_file: PathBuf,
}
