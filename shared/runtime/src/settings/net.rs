use std::fmt;

use url::{Host, Url};

use super::raw::RawNet;
use super::value::FromText;

/// Where tools may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetSettings {
    /// Reachable although private.
    pub allowed_private_hosts: Vec<HostPort>,
}

/// `host:port`; the host in lower case, an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an address.
    pub host: Host,
    /// Never 0.
    pub port: u16,
}

impl FromText for HostPort {
    fn from_text(text: &str) -> Result<Self, String> {
        let problem = || format!("expected host:port, got {text:?}");
        let text = text.trim();
        let port = text
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok())
            .filter(|port| *port != 0)
            .ok_or_else(problem)?;
        if text.contains(['/', '?', '#', '@']) {
            return Err(problem());
        }
        let url = Url::parse(&format!("http://{text}/")).map_err(|_| problem())?;
        let host = url.host().ok_or_else(problem)?.to_owned();
        Ok(Self { host, port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl NetSettings {
    pub(super) fn checked(raw: RawNet) -> Self {
        Self {
            allowed_private_hosts: raw.allowed_private_hosts,
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_host_needs_its_port() {
        for (text, shown) in [
            ("Localhost:80", "localhost:80"),
            ("10.0.0.1:8080", "10.0.0.1:8080"),
            ("[::1]:9000", "[::1]:9000"),
        ] {
            assert_eq!(HostPort::from_text(text).unwrap().to_string(), shown);
        }
        for wrong in ["localhost", "::1", "a:0", "a:b", "http://a:80", "a/b:80"] {
            assert!(HostPort::from_text(wrong).is_err(), "{wrong}");
        }
    }
}
