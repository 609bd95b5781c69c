//! One connection, made within a limit.

use super::{
    address::{address, server},
    config::{RabbitConfig, RabbitTls},
    error::RabbitConnectError,
};
use lapin::{
    Connection, ConnectionProperties, ErrorKind,
    tcp::{AsyncTcpStream, OwnedIdentity, OwnedTLSConfig},
    uri::{AMQPScheme, AMQPUri},
};
use std::{
    io,
    net::{Shutdown, TcpStream},
    os::fd::AsFd as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// From the first packet to a connection that can be used.
const LIMIT: Duration = Duration::from_secs(5);

const ACCESS_REFUSED: u16 = 403;
const NOT_ALLOWED: u16 = 530;

/// Makes connections to one broker.
pub(super) struct Dialer {
    uri: AMQPUri,
    tls: OwnedTLSConfig,
    name: String,
}

impl Dialer {
    /// Reads the address and the certificates.
    pub(super) fn new(config: &RabbitConfig) -> Result<Self, RabbitConnectError> {
        Ok(Self {
            uri: address(&config.url)?,
            tls: certificates(&config.tls)?,
            name: config.name.clone(),
        })
    }

    /// Host and port.
    pub(super) fn server(&self) -> String {
        server(&self.uri)
    }

    /// The user.
    pub(super) fn user(&self) -> String {
        self.uri.authority.userinfo.username.clone()
    }

    /// A new connection.
    pub(super) async fn dial(&self) -> Result<Connection, RabbitConnectError> {
        let runtime = lapin::runtime::default_runtime().map_err(|error| self.explain(error))?;
        let properties =
            ConnectionProperties::default().with_connection_name(self.name.as_str().into());
        let (socket, tls) = (Socket::default(), self.tls.clone());
        let held = socket.clone();
        let connecting = Connection::connector(
            self.uri.clone(),
            runtime,
            async move |uri, runtime| {
                let place = (uri.authority.host.clone(), uri.authority.port);
                let addresses: Vec<_> = tokio::net::lookup_host(place).await?.collect();
                let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    held.keep(plain.get_ref().as_fd().try_clone_to_owned()?.into());
                }
                match uri.scheme {
                    AMQPScheme::AMQP => Ok(stream),
                    AMQPScheme::AMQPS => {
                        Ok(stream.into_tls(&uri.authority.host, tls.as_ref()).await?)
                    }
                }
            },
            properties,
        );
        let Ok(connected) = tokio::time::timeout(LIMIT, connecting).await else {
            // The library's thread would wait for the handshake for ever.
            socket.shut_down();
            return Err(RabbitConnectError::Silent {
                server: self.server(),
                limit: LIMIT,
            });
        };
        connected.map_err(|error| self.explain(error))
    }

    fn explain(&self, error: lapin::Error) -> RabbitConnectError {
        let server = self.server();
        match error.kind() {
            ErrorKind::ProtocolError(said) if said.get_id() == ACCESS_REFUSED => {
                RabbitConnectError::Credentials {
                    server,
                    user: self.user(),
                }
            }
            ErrorKind::ProtocolError(said) if said.get_id() == NOT_ALLOWED => {
                RabbitConnectError::VirtualHost {
                    server,
                    vhost: self.uri.vhost.clone(),
                    user: self.user(),
                }
            }
            ErrorKind::IOError(io) if io.kind() == io::ErrorKind::InvalidData => {
                RabbitConnectError::Tls {
                    server,
                    source: Box::new(error),
                }
            }
            _ => RabbitConnectError::Unreachable {
                server,
                source: Box::new(error),
            },
        }
    }
}

/// A second handle on the socket of a connection that is being made.
#[derive(Clone, Default)]
struct Socket(Arc<Mutex<Option<TcpStream>>>);

impl Socket {
    fn keep(&self, stream: TcpStream) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
    }

    fn shut_down(&self) {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(stream) = stream {
            // It may have been closed from the other side.
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

fn certificates(tls: &RabbitTls) -> Result<OwnedTLSConfig, RabbitConnectError> {
    let authority = tls.ca_file.as_deref();
    let cert_chain = authority
        .map(|path| read("rabbitmq.tls_ca_file", path, std::fs::read_to_string))
        .transpose()?;
    let identity = match &tls.client {
        Some(client) => Some(OwnedIdentity::PKCS8 {
            pem: read("rabbitmq.tls_cert_file", &client.cert_file, std::fs::read)?,
            key: read("rabbitmq.tls_key_file", &client.key_file, std::fs::read)?,
        }),
        None => None,
    };
    Ok(OwnedTLSConfig {
        identity,
        cert_chain,
    })
}

fn read<'path, T>(
    setting: &'static str,
    path: &'path Path,
    reader: impl FnOnce(&'path Path) -> io::Result<T>,
) -> Result<T, RabbitConnectError> {
    reader(path).map_err(|source| RabbitConnectError::File {
        setting,
        path: path.to_owned(),
        source,
    })
}
