use std::net::SocketAddr;
use std::time::Duration;

use url::Url;

use super::fault::{Fault, within};
use super::ip_network::IpNetwork;
use super::raw::RawServer;

/// Files come inside the messages of the AI SDK route.
const AI_SDK_BODY_BYTES: usize = 30_000_000;
const LARGEST_BODY_BYTES: usize = 1_000_000_000;

/// The HTTP server.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Address to listen on; port 0: the system chooses.
    pub listen: SocketAddr,
    /// Empty, or a path like `/copilot` without a slash at its end.
    pub base_path: String,
    /// The address that clients see; none: taken from the request.
    pub public_url: Option<Url>,
    /// Origins as browsers send them: `https://app.example.com`.
    pub cors_origins: Vec<String>,
    /// Further hosts that local mode answers to, lower case, with or without a port.
    pub allowed_hosts: Vec<String>,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNetwork>,
    /// Largest body of every route but one.
    pub max_body_bytes: usize,
    /// Largest body of the AI SDK route.
    pub max_ai_sdk_body_bytes: usize,
    /// From SIGTERM to the refusal of new requests.
    pub shutdown_delay: Duration,
    /// From then on, for open streams.
    pub drain_timeout: Duration,
}

impl ServerSettings {
    pub(super) fn checked(raw: RawServer) -> Result<Self, Fault> {
        let max_body_bytes = within(
            "server.max_body_bytes",
            raw.max_body_bytes,
            1..=LARGEST_BODY_BYTES,
        )?;
        Ok(Self {
            listen: raw.listen,
            base_path: base_path(&raw.base_path)?,
            public_url: raw.public_url.map(public_url).transpose()?,
            cors_origins: each(&raw.cors_origins, cors_origin)?,
            allowed_hosts: each(&raw.allowed_hosts, allowed_host)?,
            trusted_proxies: raw.trusted_proxies,
            max_body_bytes,
            max_ai_sdk_body_bytes: max_body_bytes.max(AI_SDK_BODY_BYTES),
            shutdown_delay: raw.shutdown_delay_seconds,
            drain_timeout: raw.drain_timeout_seconds,
        })
    }
}

fn each(
    texts: &[String],
    check: impl Fn(&str) -> Result<String, Fault>,
) -> Result<Vec<String>, Fault> {
    texts.iter().map(|text| check(text)).collect()
}

fn base_path(text: &str) -> Result<String, Fault> {
    let path = text.trim_end_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    if path.is_empty() || (path.starts_with('/') && path.chars().all(plain) && !path.contains("//"))
    {
        return Ok(path.to_owned());
    }
    Err(Fault::new(
        "server.base_path",
        format!("expected nothing or a path like /copilot, got {text:?}"),
    ))
}

fn public_url(url: Url) -> Result<Url, Fault> {
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if plain {
        return Ok(url);
    }
    Err(Fault::new(
        "server.public_url",
        "expected an address like https://copilot.example.com, without user, query and fragment",
    ))
}

/// Not only http: desktop shells and browser extensions have schemes of their own.
fn cors_origin(text: &str) -> Result<String, Fault> {
    let origin = text.trim_end_matches('/').to_lowercase();
    let problem = || {
        Fault::new(
            "server.cors_origins",
            format!("expected an origin like https://app.example.com, got {text:?}"),
        )
    };
    let Some((scheme, host)) = origin.split_once("://") else {
        return Err(problem());
    };
    if scheme.is_empty() || host.is_empty() || host.contains(['/', '?', '#', '@', '*', ' ']) {
        return Err(problem());
    }
    let url = Url::parse(&origin).map_err(|_| problem())?;
    // Browsers leave the default port out.
    let text = match url.origin() {
        url::Origin::Tuple(..) => url.origin().ascii_serialization(),
        url::Origin::Opaque(_) => origin,
    };
    Ok(text)
}

fn allowed_host(text: &str) -> Result<String, Fault> {
    let host = text.to_lowercase();
    if Url::parse(&format!("http://{host}/")).is_ok() && !host.contains(['/', '?', '#', '@']) {
        return Ok(host);
    }
    Err(Fault::new(
        "server.allowed_hosts",
        format!("expected a host or host:port, got {text:?}"),
    ))
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_base_path_loses_its_last_slash() {
        assert_eq!(base_path("/a/b/").unwrap(), "/a/b");
        assert_eq!(base_path("/").unwrap(), "");
        for wrong in ["copilot", "/a b", "//a", "/a?b"] {
            assert!(base_path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn origins_are_kept_as_browsers_send_them() {
        for (text, origin) in [
            ("https://App.example.com/", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("tauri://localhost", "tauri://localhost"),
        ] {
            assert_eq!(cors_origin(text).unwrap(), origin);
        }
        for wrong in ["*", "app.example.com", "https://a/b", "https://*.a", "null"] {
            assert!(cors_origin(wrong).is_err(), "{wrong}");
        }
    }
}
