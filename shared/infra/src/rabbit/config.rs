//! What the adapter is told.

use std::path::PathBuf;

/// Where the broker is, and under which names.
#[derive(Clone)]
pub struct RabbitConfig {
    /// `amqp://` or `amqps://`, with user, password and virtual host.
    pub url: String,
    /// First part of every exchange and queue.
    pub prefix: String,
    /// For `amqps://`.
    pub tls: RabbitTls,
    /// What the broker calls the connection, for its operator.
    pub name: String,
}

/// Own certificates, as files in PEM.
#[derive(Clone, Default)]
pub struct RabbitTls {
    /// The authority that signed the broker's certificate, beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// What we show of ourselves.
    pub client: Option<RabbitClientCertificate>,
}

/// A client certificate and its key.
#[derive(Clone)]
pub struct RabbitClientCertificate {
    /// PEM.
    pub cert_file: PathBuf,
    /// PEM.
    pub key_file: PathBuf,
}
