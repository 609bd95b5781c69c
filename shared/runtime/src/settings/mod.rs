//! Settings: built-in defaults, then a file, then the environment; checked once, then always right.
//!
//! ```text
//! config/default.toml < what follows from it < DATABASE_URL … < copilot.toml < COPILOT__SECTION__KEY
//!      file.rs        program_defaults.rs     well_known.rs     file.rs       environment.rs
//! ```
//! Each place becomes a `Layer`; the `config` crate merges them into `raw` (the schema: every key with its
//! type); each section then checks its part and becomes a type that cannot hold an invalid state. What is
//! wrong is told in one line that names the key, the place and the remedy.
//!
//! To add a key: a line in `raw.rs`, a commented line in `config/default.toml` (a test compares them), a
//! field in its section.

mod amqp_url;
mod auth;
mod backend;
mod credentials;
mod database;
mod database_url;
mod draft;
mod effective;
mod environment;
mod error;
mod executor;
mod fault;
mod file;
mod files;
mod ip_network;
mod layer;
mod llm;
mod log;
mod mcp;
mod metrics;
mod nearest;
mod net;
mod origin;
mod pairs;
mod program;
mod program_defaults;
mod provider;
mod raw;
mod redact;
mod redis_url;
mod retention;
mod sandbox;
mod secret_url;
mod server;
mod sources;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod tools;
mod tracking;
mod turn;
mod value;
mod well_known;

pub use auth::{AuthSettings, JwtVerifier};
pub use backend::{BackendSettings, RabbitMqSettings, RedisSettings};
pub use credentials::CredentialsSettings;
pub use database::DatabaseSettings;
pub use database_url::DatabaseUrl;
pub use draft::SettingsDraft;
pub use effective::EffectiveSetting;
pub use error::SettingsError;
pub use executor::ExecutorSettings;
pub use files::FilesSettings;
pub use ip_network::IpNetwork;
pub use llm::{LlmSettings, Reasoning};
pub use log::{LogFormat, LogSettings};
pub use mcp::{McpServer, McpSettings};
pub use metrics::MetricsSettings;
pub use net::{HostPort, NetSettings};
pub use origin::Origin;
pub use program::Program;
pub use provider::Provider;
pub use redis_url::RedisUrl;
pub use retention::RetentionSettings;
pub use sandbox::SandboxSettings;
pub use secret_url::SecretUrl;
pub use server::ServerSettings;
pub use sources::Sources;
pub use stream::{StreamProfile, StreamSettings};
pub use tls::{ClientCertificate, TlsSettings};
pub use tools::ToolsSettings;
pub use tracking::TrackingSettings;
pub use turn::TurnSettings;

/// `config/default.toml`: every key, its default, a comment.
pub const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// What a program runs with. There is no invalid one.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose they are.
    pub program: Program,
    /// The HTTP server.
    pub server: ServerSettings,
    /// The database and its pool.
    pub database: DatabaseSettings,
    /// What carries turns, cancels and live streams.
    pub backend: BackendSettings,
    /// Who may call; none only in an executor, which serves nobody.
    pub auth: Option<AuthSettings>,
    /// The model and how it is called.
    pub llm: LlmSettings,
    /// Limits of turns.
    pub turn: TurnSettings,
    /// How turns are run.
    pub executor: ExecutorSettings,
    /// Live streams and the responses that carry them.
    pub stream: StreamSettings,
    /// Prometheus metrics.
    pub metrics: MetricsSettings,
    /// Logs.
    pub log: LogSettings,
    /// Where traces go; none: nowhere.
    pub otlp_endpoint: Option<SecretUrl>,
    /// Where the events about user messages go.
    pub tracking: TrackingSettings,
    /// Workspace files.
    pub files: FilesSettings,
    /// What encrypts stored credentials and signs download links.
    pub credentials: CredentialsSettings,
    /// How long data is kept.
    pub retention: RetentionSettings,
    /// What the model may use, and the folders it looks in.
    pub tools: ToolsSettings,
    /// MCP servers whose tools are offered.
    pub mcp: McpSettings,
    /// Where tools may go.
    pub net: NetSettings,
    /// Where shell commands run.
    pub sandbox: SandboxSettings,
}

impl Settings {
    /// Reads and checks all of them; `SettingsDraft` does it in two steps.
    pub fn load(program: Program, sources: &Sources) -> Result<Self, SettingsError> {
        SettingsDraft::read(program, sources)?.settings()
    }
}
