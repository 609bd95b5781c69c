//! The schema: every key with its type, read but not yet checked.
//!
//! Defaults are in `config/default.toml`; a test holds both lists together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::amqp_url::AmqpUrl;
use super::auth::AuthMode;
use super::database_url::DatabaseUrl;
use super::files::FilesUrl;
use super::ip_network::IpNetwork;
use super::llm::Reasoning;
use super::log::{LogFormat, LogLevel};
use super::metrics::MetricsListen;
use super::net::HostPort;
use super::pairs::Pairs;
use super::provider::Provider;
use super::redis_url::RedisUrl;
use super::sandbox::SandboxKind;
use super::secret_url::SecretUrl;
use super::stream::StreamProfile;
use super::tracking::{TrackingKind, WebhookUrl};
use super::value::given;

macro_rules! sections {
    ($($section:ident: $raw:ident { $($key:ident: $type:ty,)* })*) => {
        $(
            #[derive(Clone, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub(super) struct $raw {
                $(
                    #[serde(deserialize_with = "given")]
                    pub(super) $key: $type,
                )*
            }
        )*

        #[derive(Clone, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct RawSettings {
            $(pub(super) $section: $raw,)*
        }

        /// All keys as `section.key`, in the order of `config/default.toml`.
        pub(super) const KEYS: &[&str] =
            &[$($(concat!(stringify!($section), ".", stringify!($key)),)*)*];
    };
}

sections! {
    server: RawServer {
        listen: SocketAddr,
        base_path: String,
        public_url: Option<Url>,
        cors_origins: Vec<String>,
        allowed_hosts: Vec<String>,
        trusted_proxies: Vec<IpNetwork>,
        max_body_bytes: usize,
        shutdown_delay_seconds: Duration,
        drain_timeout_seconds: Duration,
    }
    database: RawDatabase {
        url: Option<DatabaseUrl>,
        max_connections: u32,
        migrate_on_start: bool,
        tls_ca_file: Option<PathBuf>,
        tls_cert_file: Option<PathBuf>,
        tls_key_file: Option<PathBuf>,
    }
    redis: RawRedis {
        url: Option<RedisUrl>,
        prefix: String,
        tls_ca_file: Option<PathBuf>,
        tls_cert_file: Option<PathBuf>,
        tls_key_file: Option<PathBuf>,
    }
    rabbitmq: RawRabbitMq {
        url: Option<AmqpUrl>,
        prefix: String,
        tls_ca_file: Option<PathBuf>,
        tls_cert_file: Option<PathBuf>,
        tls_key_file: Option<PathBuf>,
    }
    auth: RawAuth {
        mode: AuthMode,
        allow_insecure: bool,
        jwt_secret: Option<SecretString>,
        jwks_url: Option<SecretUrl>,
        issuer: Option<String>,
        audience: Option<String>,
        allow_anonymous: bool,
    }
    llm: RawLlm {
        provider: Provider,
        model: String,
        base_url: Option<SecretUrl>,
        api_key: Option<SecretString>,
        title_model: Option<String>,
        models: Vec<String>,
        fallback_models: Vec<String>,
        system_prompt_file: Option<PathBuf>,
        temperature: Option<f64>,
        max_output_tokens: Option<u32>,
        reasoning: Option<Reasoning>,
        headers: Pairs,
        max_retries: u32,
        idle_timeout_seconds: Duration,
    }
    turn: RawTurn {
        max_steps: u32,
        timeout_seconds: Duration,
        max_attempts: u32,
        max_running_per_user: u32,
        max_in_flight_per_user: u32,
    }
    executor: RawExecutor {
        concurrency: usize,
        heartbeat_seconds: Duration,
        lease_seconds: Duration,
        drain_timeout_seconds: Duration,
    }
    stream: RawStream {
        ttl_seconds: Duration,
        heartbeat_seconds: Duration,
        profile: StreamProfile,
        connection_seconds: Duration,
    }
    metrics: RawMetrics {
        listen: MetricsListen,
    }
    log: RawLog {
        format: LogFormat,
        level: LogLevel,
        slow_turn_seconds: Duration,
    }
    telemetry: RawTelemetry {
        otlp_endpoint: Option<SecretUrl>,
    }
    tracking: RawTracking {
        kind: TrackingKind,
        url: Option<WebhookUrl>,
    }
    files: RawFiles {
        url: Option<FilesUrl>,
        max_file_bytes: u64,
        max_workspace_bytes: u64,
        shared: bool,
        scan_url: Option<SecretUrl>,
    }
    credentials: RawCredentials {
        keys: Vec<SecretString>,
    }
    retention: RawRetention {
        session_days: Option<u32>,
    }
    docs: RawDocs {
        paths: Vec<PathBuf>,
    }
    tools: RawTools {
        disabled: Vec<String>,
        require_approval: Vec<String>,
    }
    mcp: RawMcp {
        servers: Pairs,
    }
    net: RawNet {
        allowed_private_hosts: Vec<HostPort>,
    }
    sandbox: RawSandbox {
        kind: Option<SandboxKind>,
        e2b_api_key: Option<SecretString>,
        e2b_url: Option<SecretUrl>,
    }
}
