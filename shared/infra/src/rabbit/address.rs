//! The broker's address, as the client library wants it.

use super::error::RabbitConnectError;
use lapin::uri::AMQPUri;
use url::{Host, Url};

/// Seconds between heartbeats; a broker that is silent for twice as long is given up.
const HEARTBEAT: u16 = 5;

/// Reads `rabbitmq.url`.
pub(super) fn address(url: &str) -> Result<AMQPUri, RabbitConnectError> {
    let mut uri: AMQPUri = url.parse().map_err(|_| RabbitConnectError::Url)?;
    let url = Url::parse(url).map_err(|_| RabbitConnectError::Url)?;
    // The library takes an IPv6 address for no host at all.
    if let Some(Host::Ipv6(host)) = url.host() {
        uri.authority.host = host.to_string();
    }
    // `amqp://host/` means the virtual host without a name, which nobody has.
    if uri.vhost.is_empty() {
        "/".clone_into(&mut uri.vhost);
    }
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    Ok(uri)
}

/// Host and port, without secrets.
pub(super) fn server(uri: &AMQPUri) -> String {
    format!("{}:{}", uri.authority.host, uri.authority.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_virtual_host_has_three_spellings() {
        for url in ["amqp://h", "amqp://h/", "amqp://h/%2f"] {
            assert_eq!(address(url).unwrap().vhost, "/", "{url}");
        }
        assert_eq!(address("amqp://h/team").unwrap().vhost, "team");
    }

    #[test]
    fn an_ipv6_host_is_kept() {
        let uri = address("amqp://u:p@[::1]:5673").unwrap();
        assert_eq!(server(&uri), "::1:5673");
    }

    #[test]
    fn what_cannot_be_read_is_not_shown() {
        let error = address("amqp://u:secret@h:port").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
