//! The way a request came: what trusted proxies say of it, and what the connection itself says.
//! It is for logs and links alone; nobody is let in for it.

use copilot_runtime::settings::IpNetwork;
use poem::{
    Endpoint, IntoResponse, Request, Response, Result,
    http::{
        HeaderMap,
        header::{AsHeaderName, FORWARDED, HOST},
        uri::Authority,
    },
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// The way a request came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    /// The first address that is no trusted proxy's.
    pub(crate) client: Option<IpAddr>,
    /// Whether the client's own connection was encrypted, as far as is known.
    pub(crate) is_https: bool,
    /// The host that the client named.
    pub(crate) host: Option<String>,
}

impl Way {
    /// The address of the server as the client sees it, without a path.
    pub(crate) fn origin(&self) -> Option<String> {
        let scheme = if self.is_https { "https" } else { "http" };
        let host = self.host.as_ref()?;
        Some(format!("{scheme}://{host}"))
    }

    fn of(headers: &HeaderMap, peer: Option<IpAddr>, proxies: &[IpNetwork]) -> Self {
        let is_proxy = |address: IpAddr| proxies.iter().any(|known| known.contains(address));
        let direct = Self {
            client: peer,
            is_https: false,
            host: last(headers, HOST).and_then(host),
        };
        let Some(mut client) = peer.filter(|peer| is_proxy(*peer)) else {
            return direct;
        };
        let hops = hops(headers);
        let mut hop = Hop::default();
        for next in hops.into_iter().rev() {
            hop = next;
            match hop.client {
                Some(address) => client = address,
                None => break,
            }
            if !is_proxy(client) {
                break;
            }
        }
        let proto = hop.proto.or_else(|| last(headers, "x-forwarded-proto"));
        let named = hop.host.or_else(|| last(headers, "x-forwarded-host"));
        Self {
            client: Some(client),
            is_https: proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https")),
            host: named.and_then(host).or(direct.host),
        }
    }
}

/// One proxy's word.
#[derive(Default)]
struct Hop<'a> {
    client: Option<IpAddr>,
    proto: Option<&'a str>,
    host: Option<&'a str>,
}

/// What each proxy says, the nearest one last; `Forwarded` if there is any, else
/// `X-Forwarded-For`.
fn hops(headers: &HeaderMap) -> Vec<Hop<'_>> {
    let forwarded: Vec<_> = items(headers, FORWARDED).map(hop).collect();
    if !forwarded.is_empty() {
        return forwarded;
    }
    let addresses = items(headers, "x-forwarded-for").map(address);
    addresses
        .map(|client| Hop {
            client,
            ..Hop::default()
        })
        .collect()
}

fn hop(item: &str) -> Hop<'_> {
    let mut hop = Hop::default();
    for (name, value) in item.split(';').filter_map(|pair| pair.split_once('=')) {
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.client = address(value),
            "proto" => hop.proto = Some(value),
            "host" => hop.host = Some(value),
            _ => {}
        }
    }
    hop
}

/// With or without a port; IPv6 then in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let with_port = || text.parse().map(|address: SocketAddr| address.ip()).ok();
    bare.parse().ok().or_else(with_port)
}

/// A host with or without a port, and nothing else.
fn host(text: &str) -> Option<String> {
    let authority: Authority = text.parse().ok()?;
    (!text.contains('@')).then(|| authority.as_str().to_owned())
}

fn items<K: AsHeaderName>(headers: &HeaderMap, name: K) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn last<K: AsHeaderName>(headers: &HeaderMap, name: K) -> Option<&str> {
    items(headers, name).last()
}

/// Notes the way of each request, for its log lines and for links.
pub(crate) async fn noted<E: Endpoint>(
    endpoint: Arc<E>,
    mut request: Request,
    proxies: Arc<[IpNetwork]>,
) -> Result<Response> {
    let peer = request.remote_addr().as_socket_addr().map(SocketAddr::ip);
    let way = Way::of(request.headers(), peer, &proxies);
    if let Some(client) = way.client {
        tracing::Span::current().record("client", tracing::field::display(client));
    }
    request.set_data(way);
    Ok(endpoint.call(request).await?.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::http::{HeaderName, HeaderValue};

    const PROXY: &str = "10.0.0.1";
    const STRANGER: &str = "203.0.113.9";

    fn way(peer: &str, sent: &[(&str, &str)]) -> Way {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let proxies = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        Way::of(&headers, peer.parse().ok(), &proxies)
    }

    #[test]
    fn the_client_is_the_first_that_is_no_trusted_proxy() {
        for (sent, expected) in [
            (&[][..], PROXY),
            (&[("x-forwarded-for", STRANGER)], STRANGER),
            (
                &[("x-forwarded-for", "1.1.1.1, 203.0.113.9, 10.2.2.2")],
                STRANGER,
            ),
            (
                &[
                    ("x-forwarded-for", "1.1.1.1"),
                    ("x-forwarded-for", STRANGER),
                ],
                STRANGER,
            ),
            (&[("x-forwarded-for", "203.0.113.9:4711")], STRANGER),
            (&[("x-forwarded-for", "[2001:db8::1]:80")], "2001:db8::1"),
            (&[("x-forwarded-for", "10.3.3.3")], "10.3.3.3"),
            (&[("x-forwarded-for", "1.1.1.1, unknown")], PROXY),
            (
                &[("forwarded", "for=1.1.1.1, for=203.0.113.9;proto=https")],
                STRANGER,
            ),
            (
                &[("forwarded", r#"For="[2001:db8::1]:4711""#)],
                "2001:db8::1",
            ),
            (
                &[
                    ("forwarded", "for=203.0.113.9"),
                    ("x-forwarded-for", "1.1.1.1"),
                ],
                STRANGER,
            ),
        ] {
            let client = way(PROXY, sent).client.unwrap().to_string();
            assert_eq!(client, expected, "{sent:?}");
        }
    }

    #[test]
    fn a_stranger_is_believed_nothing() {
        let lies = [
            ("host", "real.example"),
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=1.1.1.1;host=evil.example;proto=https"),
        ];
        let seen = way(STRANGER, &lies);
        assert_eq!(seen.client.unwrap().to_string(), STRANGER);
        assert_eq!(seen.origin().as_deref(), Some("http://real.example"));
    }

    #[test]
    fn a_proxy_tells_host_and_scheme() {
        for (sent, expected) in [
            (
                &[
                    ("x-forwarded-host", "a.example"),
                    ("x-forwarded-proto", "https"),
                ][..],
                "https://a.example",
            ),
            (
                &[(
                    "forwarded",
                    "for=1.1.1.1;host=\"a.example:8443\";proto=https",
                )],
                "https://a.example:8443",
            ),
            (&[("x-forwarded-proto", "https")], "https://inner:80"),
            (&[("x-forwarded-host", "user@a.example")], "http://inner:80"),
            (
                &[("x-forwarded-host", "a.example/<script>")],
                "http://inner:80",
            ),
            (&[("x-forwarded-proto", "javascript")], "http://inner:80"),
        ] {
            let mut sent = sent.to_vec();
            sent.push(("host", "inner:80"));
            assert_eq!(
                way(PROXY, &sent).origin().as_deref(),
                Some(expected),
                "{sent:?}"
            );
        }
    }
}
