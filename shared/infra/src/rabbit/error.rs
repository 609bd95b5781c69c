//! Why there is no connection.

use std::{io, path::PathBuf, time::Duration};

/// A connection to `RabbitMQ` could not be made. Names the setting, never the password.
#[derive(Debug, thiserror::Error)]
pub enum RabbitConnectError {
    /// The URL cannot be read.
    #[error("rabbitmq.url: expected amqp://user:password@host:port/vhost (or amqps://)")]
    Url,
    /// A certificate or key cannot be read.
    #[error("{setting}: cannot read {}: {source}", path.display())]
    File {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nobody answers there, or not in AMQP.
    #[error("rabbitmq.url: no connection to RabbitMQ at {server}: {source}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// What happened.
        source: Box<lapin::Error>,
    },
    /// Somebody accepts connections there, but says nothing.
    #[error("rabbitmq.url: RabbitMQ at {server} did not answer within {} s", limit.as_secs())]
    Silent {
        /// Host and port.
        server: String,
        /// How long it had.
        limit: Duration,
    },
    /// The certificates do not fit.
    #[error(
        "rabbitmq.tls_ca_file: no trusted connection to RabbitMQ at {server} ({source}); name the \
         authority that signed its certificate, and the host as the certificate does"
    )]
    Tls {
        /// Host and port.
        server: String,
        /// What does not fit.
        source: Box<lapin::Error>,
    },
    /// User or password is wrong.
    #[error("rabbitmq.url: RabbitMQ at {server} refuses user `{user}`, check user and password")]
    Credentials {
        /// Host and port.
        server: String,
        /// The user.
        user: String,
    },
    /// The virtual host does not exist, or not for this user.
    #[error(
        "rabbitmq.url: RabbitMQ at {server} has no virtual host `{vhost}` for user `{user}`, make \
         it or give access to it"
    )]
    VirtualHost {
        /// Host and port.
        server: String,
        /// The virtual host.
        vhost: String,
        /// The user.
        user: String,
    },
    /// The user may not declare what we need.
    #[error(
        "rabbitmq.url: user `{user}` lacks permissions on RabbitMQ at {server}, give it configure, \
         write and read for `{prefix}.*` ({said})"
    )]
    Permission {
        /// Host and port.
        server: String,
        /// The user.
        user: String,
        /// First part of our names.
        prefix: String,
        /// The broker's words.
        said: String,
    },
    /// A queue or exchange of the same name is declared in another way.
    #[error(
        "rabbitmq.prefix: a queue or exchange of that name has another declaration on RabbitMQ at \
         {server}: {said}; delete it there if nothing else uses it, or set another prefix than \
         `{prefix}`"
    )]
    Declaration {
        /// Host and port.
        server: String,
        /// First part of our names.
        prefix: String,
        /// The broker's words, which name it.
        said: String,
    },
}

impl RabbitConnectError {
    /// Whether trying again may help without anybody's doing.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } => true,
            Self::Url
            | Self::File { .. }
            | Self::Tls { .. }
            | Self::Credentials { .. }
            | Self::VirtualHost { .. }
            | Self::Permission { .. }
            | Self::Declaration { .. } => false,
        }
    }
}
