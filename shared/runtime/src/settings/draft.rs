use std::path::Path;

use config::{Config, ConfigError, ValueKind};

use super::auth::AuthSettings;
use super::backend::BackendSettings;
use super::credentials::CredentialsSettings;
use super::database::DatabaseSettings;
use super::effective::{EffectiveSetting, shown};
use super::environment::environment;
use super::error::SettingsError;
use super::executor::ExecutorSettings;
use super::fault::Fault;
use super::file::{file, toml_layer};
use super::files::FilesSettings;
use super::layer::{Layer, Layers};
use super::llm::LlmSettings;
use super::log::LogSettings;
use super::mcp::McpSettings;
use super::metrics::MetricsSettings;
use super::net::NetSettings;
use super::origin::Origin;
use super::program::Program;
use super::program_defaults::{database_defaults, program_defaults};
use super::raw::{KEYS, RawSettings};
use super::retention::RetentionSettings;
use super::sandbox::SandboxSettings;
use super::server::ServerSettings;
use super::sources::Sources;
use super::stream::StreamSettings;
use super::tools::ToolsSettings;
use super::tracking::TrackingSettings;
use super::turn::TurnSettings;
use super::well_known::{llm, well_known};
use super::{DEFAULTS, Settings};

/// All places read and put together; every key known and of its type, but not yet checked against the others.
///
/// Subcommands that need one section only ask for that one, so that `migrate` runs without a Redis.
#[derive(Clone)]
pub struct SettingsDraft {
    program: Program,
    layers: Layers,
    raw: RawSettings,
}

impl SettingsDraft {
    /// Reads the settings of `program`.
    pub fn read(program: Program, sources: &Sources) -> Result<Self, SettingsError> {
        let built_in = toml_layer(DEFAULTS, Path::new("config/default.toml"), &Origin::Default)?;
        let file = file(sources, |key| built_in.may_be_blank(key))?;
        let environment = environment(sources, |key| built_in.may_be_blank(key))?;
        let known = well_known(&sources.environment)?;

        // What follows from other keys has to see them all, and yet is weaker than each.
        let given = Layers(vec![program_defaults(program), known, file, environment]);
        let mut layers = vec![
            not_set(),
            built_in,
            database_defaults(program, &sources.directory, &given),
            llm(&sources.environment, &given)?,
        ];
        layers.extend(given.0);
        let layers = Layers(layers);
        let raw = raw(&layers)?;
        Ok(Self {
            program,
            layers,
            raw,
        })
    }

    /// Whose they are.
    #[must_use]
    pub fn program(&self) -> Program {
        self.program
    }

    /// Each key with its value and where that came from, in the order of `config/default.toml`.
    #[must_use]
    pub fn effective(&self) -> Vec<EffectiveSetting> {
        KEYS.iter()
            .map(|key| EffectiveSetting {
                key,
                value: self.layers.value(key).map(|value| shown(key, value)),
                origin: self.layers.origin(key),
            })
            .collect()
    }

    /// The database alone.
    pub fn database(&self) -> Result<DatabaseSettings, SettingsError> {
        DatabaseSettings::checked(self.program, self.raw.database.clone())
            .map_err(|fault| self.blame(fault))
    }

    /// Who may call; none only in an executor.
    pub fn auth(&self) -> Result<Option<AuthSettings>, SettingsError> {
        AuthSettings::checked(self.program, self.raw.server.listen, self.raw.auth.clone())
            .map_err(|fault| self.blame(fault))
    }

    /// The log, which nothing else can make wrong.
    #[must_use]
    pub fn log(&self) -> LogSettings {
        LogSettings::checked(self.raw.log.clone())
    }

    /// Everything checked.
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        self.checked().map_err(|fault| self.blame(fault))
    }

    fn checked(&self) -> Result<Settings, Fault> {
        let raw = self.raw.clone();
        let program = self.program;
        let listen = raw.server.listen;
        Ok(Settings {
            program,
            server: ServerSettings::checked(raw.server)?,
            database: DatabaseSettings::checked(program, raw.database)?,
            backend: BackendSettings::checked(program, raw.redis, raw.rabbitmq)?,
            auth: AuthSettings::checked(program, listen, raw.auth)?,
            llm: LlmSettings::checked(raw.llm)?,
            turn: TurnSettings::checked(&raw.turn)?,
            executor: ExecutorSettings::checked(&raw.executor)?,
            stream: StreamSettings::checked(&raw.stream)?,
            metrics: MetricsSettings::checked(program, listen, &raw.metrics)?,
            log: LogSettings::checked(raw.log),
            otlp_endpoint: raw.telemetry.otlp_endpoint,
            tracking: TrackingSettings::checked(raw.tracking)?,
            files: FilesSettings::checked(program, raw.files)?,
            credentials: CredentialsSettings::checked(raw.credentials)?,
            retention: RetentionSettings::checked(&raw.retention)?,
            tools: ToolsSettings::checked(raw.tools, raw.docs)?,
            mcp: McpSettings::checked(raw.mcp)?,
            net: NetSettings::checked(raw.net),
            sandbox: SandboxSettings::checked(raw.sandbox)?,
        })
    }

    fn blame(&self, fault: Fault) -> SettingsError {
        SettingsError::Invalid {
            key: fault.key.to_owned(),
            problem: fault.problem,
            origin: self.layers.origin(fault.key),
        }
    }
}

/// Every key as "not set", so that the schema needs no defaults of its own.
fn not_set() -> Layer {
    let mut layer = Layer::default();
    for key in KEYS {
        layer.set(key, ValueKind::Nil, Origin::Default);
    }
    layer
}

fn raw(layers: &Layers) -> Result<RawSettings, SettingsError> {
    let mut builder = Config::builder();
    for layer in &layers.0 {
        builder = builder.add_source(layer.clone());
    }
    let read = builder.build().and_then(Config::try_deserialize);
    read.map_err(|error| {
        let (key, problem) = match error {
            ConfigError::At {
                error,
                key: Some(key),
                ..
            } => (key, error.to_string()),
            other => ("settings".to_owned(), other.to_string()),
        };
        SettingsError::Invalid {
            origin: layers.origin(&key),
            key,
            problem,
        }
    })
}
