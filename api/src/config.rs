//! What the server needs to know; filled by the composition root from its settings.

use crate::sse::Profile;
use copilot_core::turn::Caps;
use copilot_runtime::settings::IpNetwork;
use std::time::Duration;

/// The server's settings, already checked.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Empty, or a path like `/copilot` without a slash at its end.
    pub base_path: String,
    /// The address of all routes as clients see it, without a slash at its end; none: taken
    /// from the request.
    pub public_url: Option<String>,
    /// Hosts beside loopback that local mode answers to, lower case, with or without a port.
    pub allowed_hosts: Vec<String>,
    /// Origins beside its own that may call: `https://app.example.com`.
    pub cors_origins: Vec<String>,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNetwork>,
    /// Largest body of every route but one.
    pub max_body_bytes: usize,
    /// Largest body of the AI SDK route.
    pub ai_sdk_max_body_bytes: usize,
    /// How long a connection may take for a request's head, idle time before it included: longer
    /// than clients and proxies keep idle connections.
    pub head_timeout: Duration,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// Turns of one caller.
    pub caps: Caps,
    /// The model that answers when a request names none.
    pub default_model: String,
    /// What else a request may name.
    pub models: Vec<String>,
    /// Life of a finished turn's live stream.
    pub stream_ttl: Duration,
    /// Silence before a heartbeat comment.
    pub heartbeat: Duration,
    /// The profile of a stream, unless the request says otherwise.
    pub profile: Profile,
    /// After which a response is broken for the client to resume; none: never.
    pub connection_limit: Option<Duration>,
    /// From the soft stop to the refusal of new requests.
    pub shutdown_delay: Duration,
    /// From then on, for open streams.
    pub drain_timeout: Duration,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            base_path: String::new(),
            public_url: None,
            allowed_hosts: Vec::new(),
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            max_body_bytes: 4_000_000,
            ai_sdk_max_body_bytes: 30_000_000,
            head_timeout: Duration::from_mins(2),
            body_timeout: Duration::from_mins(2),
            caps: Caps {
                running: 5,
                in_flight: 15,
            },
            default_model: "builtin".to_owned(),
            models: Vec::new(),
            stream_ttl: Duration::from_hours(1),
            heartbeat: Duration::from_secs(10),
            profile: Profile::V5,
            connection_limit: None,
            shutdown_delay: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(30),
        }
    }
}
