//! Local mode answers only to its own machine: a web page must not drive a copilot that has
//! a shell, neither by its origin nor by a name that it lets point here.

use crate::{auth::Authenticator, config::ApiConfig, error::ApiError};
use poem::{
    Request,
    http::{
        HeaderMap,
        header::{HOST, ORIGIN},
    },
};
use std::sync::Arc;

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Lets in what comes to an own name, from an own or allowed page. What a proxy says of the
/// host does not count.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    hosts: Arc<[String]>,
    origins: Arc<[String]>,
}

impl Guard {
    /// The guard of local mode; none where callers have tokens, which no page has by itself.
    pub(crate) fn new(auth: &Authenticator, config: &ApiConfig) -> Option<Self> {
        auth.is_local().then(|| Self {
            hosts: config.allowed_hosts.clone().into(),
            origins: config.cors_origins.clone().into(),
        })
    }

    /// Lets the request in, or answers 403.
    pub(crate) fn let_in(&self, request: &Request) -> Result<(), ApiError> {
        self.check(&host(request), request.headers())
    }

    fn check(&self, host: &str, headers: &HeaderMap) -> Result<(), ApiError> {
        let name = without_port(host);
        let is_own = LOOPBACK.contains(&name)
            || self
                .hosts
                .iter()
                .any(|known| known == host || known == name);
        if !is_own {
            let detail = "local mode does not answer to this host; see server.allowed_hosts";
            return Err(ApiError::forbidden("host_not_allowed", detail));
        }
        let mut sent = headers.get_all(ORIGIN).iter();
        if !sent.all(|origin| {
            origin
                .to_str()
                .is_ok_and(|origin| is_allowed(origin, host, &self.origins))
        }) {
            let detail = "local mode does not answer to this origin; see server.cors_origins";
            return Err(ApiError::forbidden("origin_not_allowed", detail));
        }
        Ok(())
    }
}

/// The host that the request names, lower case; empty if it names none, or two.
fn host(request: &Request) -> String {
    let mut named = request.headers().get_all(HOST).iter();
    let (first, second) = (named.next(), named.next());
    let header = first
        .and_then(|host| host.to_str().ok())
        .filter(|_| second.is_none());
    let in_target = request
        .uri()
        .authority()
        .map(poem::http::uri::Authority::as_str);
    match (header, in_target) {
        (Some(host), None) => host.to_ascii_lowercase(),
        (Some(host), Some(target)) if host.eq_ignore_ascii_case(target) => {
            host.to_ascii_lowercase()
        }
        _ => String::new(),
    }
}

fn is_allowed(origin: &str, host: &str, origins: &[String]) -> bool {
    let its_host = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    its_host.is_some_and(|its_host| its_host.eq_ignore_ascii_case(host))
        || origins
            .iter()
            .any(|known| known.eq_ignore_ascii_case(origin))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(host: &str, origin: Option<&str>) -> bool {
        let config = ApiConfig {
            allowed_hosts: vec!["copilot.lan".into(), "box.lan:9000".into()],
            cors_origins: vec!["https://app.example.com".into()],
            ..ApiConfig::default()
        };
        let guard = Guard::new(&Authenticator::default(), &config).unwrap();
        let mut request = Request::builder()
            .uri_str("/api/chat/health")
            .header(HOST, host);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        let request = request.finish();
        guard.let_in(&request).is_ok()
    }

    #[test]
    fn only_its_own_hosts_are_answered() {
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:8006", true),
            ("127.0.0.1:8006", true),
            ("[::1]", true),
            ("[::1]:8006", true),
            ("copilot.lan", true),
            ("copilot.lan:1", true),
            ("box.lan:9000", true),
            ("box.lan", false),
            ("127.0.0.2", false),
            ("localhost.evil.example", false),
            ("evil.example:8006", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            assert_eq!(answer(host, None), expected, "{host}");
        }
    }

    #[test]
    fn only_its_own_and_allowed_origins_are_answered() {
        for (origin, expected) in [
            ("http://localhost:8006", true),
            ("https://localhost:8006", true),
            ("https://app.example.com", true),
            ("http://localhost:3000", false),
            ("http://localhost", false),
            ("http://app.example.com", false),
            ("http://evil.example", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(answer("localhost:8006", Some(origin)), expected, "{origin}");
        }
    }

    #[test]
    fn two_hosts_or_two_targets_are_none() {
        let twice = Request::builder()
            .header(HOST, "localhost")
            .header(HOST, "evil")
            .finish();
        assert_eq!(host(&twice), "");
        let other = Request::builder()
            .uri_str("http://evil/")
            .header(HOST, "localhost")
            .finish();
        assert_eq!(host(&other), "");
    }
}
