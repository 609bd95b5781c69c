//! Clients for the configured addresses.

use super::{
    config::{RedisConfig, RedisNodes, RedisTls},
    connect_error::RedisConnectError,
};
use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    RedisResult, TlsCertificates, cluster::ClusterClient,
};
use rustls::crypto::CryptoProvider;
use std::{fs, io, path::Path, time::Duration};

/// How long making a connection may take, handshakes included.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// The configured nodes, ready to be connected to.
pub(super) struct Endpoints {
    seeds: Vec<ConnectionInfo>,
    certificates: Option<TlsCertificates>,
    topology: Topology,
}

/// How keys are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topology {
    /// All on one node.
    Single,
    /// By slot.
    Cluster,
}

impl Endpoints {
    pub(super) fn new(config: &RedisConfig) -> Result<Self, RedisConnectError> {
        let infos = config
            .nodes
            .urls()
            .iter()
            .map(|url| url.as_str().into_connection_info());
        let infos: Vec<_> = infos
            .collect::<RedisResult<_>>()
            .map_err(RedisConnectError::Url)?;
        let certificates = certificates(&config.tls)?;
        let uses_tls = infos
            .iter()
            .any(|info| matches!(info.addr(), ConnectionAddr::TcpTls { .. }));
        if uses_tls && CryptoProvider::get_default().is_none() {
            return Err(RedisConnectError::NoTlsProvider);
        }
        let seeds = infos
            .into_iter()
            .map(|info| with_certificates(info, certificates.as_ref()));
        Ok(Self {
            seeds: seeds
                .collect::<RedisResult<_>>()
                .map_err(RedisConnectError::Tls)?,
            certificates,
            topology: match config.nodes {
                RedisNodes::One(_) => Topology::Single,
                RedisNodes::Cluster(_) => Topology::Cluster,
            },
        })
    }

    pub(super) const fn topology(&self) -> Topology {
        self.topology
    }

    /// Hosts and ports for messages.
    pub(super) fn address(&self) -> String {
        self.seed_addresses().join(", ")
    }

    pub(super) fn seed_addresses(&self) -> Vec<String> {
        self.seeds
            .iter()
            .map(|seed| seed.addr().to_string())
            .collect()
    }

    /// A client of the first configured node.
    pub(super) fn client(&self) -> RedisResult<Client> {
        let seed = self.seeds.first().cloned();
        seed.ok_or_else(no_seed).and_then(Client::open)
    }

    /// A client of the node at `address` (host and port) that is sent what it is subscribed to.
    pub(super) fn push_client(&self, address: &str) -> RedisResult<Client> {
        let seed = self.seeds.first().ok_or_else(no_seed)?;
        let (host, port) = address
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse().ok()?)))
            .ok_or_else(|| redis::RedisError::from(io::Error::other("no host and port")))?;
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let at = match seed.addr().clone() {
            ConnectionAddr::TcpTls {
                insecure,
                tls_params,
                ..
            } => ConnectionAddr::TcpTls {
                host,
                port,
                insecure,
                tls_params,
            },
            ConnectionAddr::Unix(path) => ConnectionAddr::Unix(path),
            _ => ConnectionAddr::Tcp(host, port),
        };
        let settings = seed
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3);
        Client::open(seed.clone().set_addr(at).set_redis_settings(settings))
    }

    /// A client of the whole cluster.
    pub(super) fn cluster_client(&self, response_limit: Duration) -> RedisResult<ClusterClient> {
        let builder = ClusterClient::builder(self.seeds.iter().cloned())
            .connection_timeout(CONNECT_LIMIT)
            .response_timeout(response_limit)
            .retries(3)
            .min_retry_wait(10)
            .max_retry_wait(200);
        match &self.certificates {
            Some(certificates) => builder.certs(certificates.clone()).build(),
            None => builder.build(),
        }
    }

    /// The limits of a connection to one node.
    pub(super) fn connection_config(response_limit: Duration) -> redis::AsyncConnectionConfig {
        redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_response_timeout(Some(response_limit))
    }
}

fn no_seed() -> redis::RedisError {
    io::Error::other("no node is configured").into()
}

fn with_certificates(
    info: ConnectionInfo,
    certificates: Option<&TlsCertificates>,
) -> RedisResult<ConnectionInfo> {
    match (info.addr(), certificates) {
        (ConnectionAddr::TcpTls { .. }, Some(certificates)) => {
            let client = Client::build_with_tls(info, certificates.clone())?;
            Ok(client.get_connection_info().clone())
        }
        _ => Ok(info),
    }
}

fn certificates(tls: &RedisTls) -> Result<Option<TlsCertificates>, RedisConnectError> {
    let root_cert = match &tls.ca_file {
        Some(path) => Some(read("redis.tls_ca_file", path)?),
        None => None,
    };
    let client_tls = match &tls.client {
        Some(client) => Some(ClientTlsConfig {
            client_cert: read("redis.tls_cert_file", &client.cert_file)?,
            client_key: read("redis.tls_key_file", &client.key_file)?,
        }),
        None => None,
    };
    Ok(
        (root_cert.is_some() || client_tls.is_some()).then_some(TlsCertificates {
            client_tls,
            root_cert,
        }),
    )
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, RedisConnectError> {
    fs::read(path).map_err(|source| RedisConnectError::File {
        key,
        path: path.to_owned(),
        source,
    })
}
