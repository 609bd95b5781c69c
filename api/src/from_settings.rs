//! From settings to the server's configuration.

use crate::{config::ApiConfig, sse::Profile};
use copilot_core::turn::Caps;
use copilot_runtime::settings::{Settings, StreamProfile};
use url::Url;

impl From<&Settings> for ApiConfig {
    fn from(settings: &Settings) -> Self {
        let Settings {
            server,
            stream,
            turn,
            llm,
            ..
        } = settings;
        Self {
            base_path: server.base_path.clone(),
            public_url: server
                .public_url
                .as_ref()
                .map(|url| public_url(url, &server.base_path)),
            allowed_hosts: server.allowed_hosts.clone(),
            cors_origins: server.cors_origins.clone(),
            trusted_proxies: server.trusted_proxies.clone(),
            max_body_bytes: server.max_body_bytes,
            ai_sdk_max_body_bytes: server.max_ai_sdk_body_bytes,
            caps: Caps {
                running: turn.max_running_per_user,
                in_flight: turn.max_in_flight_per_user,
            },
            default_model: llm.model.clone(),
            models: llm.models.clone(),
            stream_ttl: stream.ttl,
            heartbeat: stream.heartbeat,
            profile: match stream.profile {
                StreamProfile::V5 => Profile::V5,
                StreamProfile::V6 => Profile::V6,
                StreamProfile::V7 => Profile::V7,
            },
            connection_limit: stream.connection_limit,
            shutdown_delay: server.shutdown_delay,
            drain_timeout: server.drain_timeout,
            ..Self::default()
        }
    }
}

/// The address of all routes, without a slash at its end. One that has no path of its own means
/// the host alone, and the routes are below `base_path` there too.
fn public_url(url: &Url, base_path: &str) -> String {
    let text = url.as_str().trim_end_matches('/');
    if url.path() == "/" {
        format!("{text}{base_path}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_without_a_path_gets_the_base_path() {
        for (url, base_path, expected) in [
            ("https://a.example", "", "https://a.example"),
            (
                "https://a.example/",
                "/copilot",
                "https://a.example/copilot",
            ),
            (
                "https://a.example/copilot/",
                "/copilot",
                "https://a.example/copilot",
            ),
            ("https://a.example/outside", "", "https://a.example/outside"),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(public_url(&url, base_path), expected, "{url} {base_path}");
        }
    }
}
