//! From settings to an engine and an executor's configuration.

use crate::{
    deps::ExecutorConfig,
    model_provider::{ProviderSetupError, effort, model_provider},
};
use copilot_core::{
    id::IdSource,
    port::store::{ClaimRules, Lease},
};
use copilot_engine::{
    Engine, EngineConfig, EngineParts, Prompt, RetryPolicy, Secrets, ToolMeter,
    jitter::RandomJitter, prompt::PromptError, registry::RegistryError,
};
use copilot_runtime::settings::{LlmSettings, Program, Provider, Settings};
use copilot_tools::{DocIndex, LoadDocsError, ToolDeps, catalogue};
use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

/// Tools of one step that run at the same time.
const TOOLS_AT_ONCE: usize = 8;

const DAY: Duration = Duration::from_hours(24);

/// A setting that the engine cannot work with.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The model's provider.
    #[error(transparent)]
    Provider(#[from] ProviderSetupError),
    /// The persona cannot be read.
    #[error("llm.system_prompt_file: {}: {source}", path.display())]
    Persona {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The prompt's templates are wrong.
    #[error("the prompt cannot be made")]
    Prompt(#[from] PromptError),
    /// A folder of documentation cannot be read.
    #[error(transparent)]
    Docs(#[from] LoadDocsError),
    /// The tools contradict each other.
    #[error("tools.disabled: {0}")]
    Tools(#[from] RegistryError),
}

/// The engine that `settings` describe. Reads the persona and the documentation.
pub fn engine(
    settings: &Settings,
    ids: Arc<dyn IdSource>,
    meter: Arc<dyn ToolMeter>,
) -> Result<Arc<Engine>, SetupError> {
    let llm = &settings.llm;
    let docs = Arc::new(DocIndex::load(&settings.tools.docs_paths)?);
    let parts = EngineParts {
        provider: model_provider(llm)?,
        registry: Arc::new(catalogue(&ToolDeps { docs }, &settings.tools.disabled)?),
        prompt: Prompt::new(persona(llm)?.as_deref())?,
        config: engine_config(settings),
        ids,
        jitter: Arc::new(RandomJitter),
        meter,
    };
    Ok(Arc::new(Engine::new(parts)))
}

/// How turns are run. In `copilot` the lease lasts as long as the process, which is alone on
/// its database, and the drain is bounded by the server's, since they stop together.
#[must_use]
pub fn executor_config(settings: &Settings) -> ExecutorConfig {
    let executor = &settings.executor;
    let alone = settings.program == Program::Copilot;
    ExecutorConfig {
        concurrency: u16::try_from(executor.concurrency).unwrap_or(u16::MAX),
        heartbeat: executor.heartbeat,
        lease: if alone {
            Lease::Process
        } else {
            Lease::For(executor.lease)
        },
        drain_timeout: drain_timeout(settings),
        session_age: settings.retention.session_days.map(|days| DAY * days),
        rules: ClaimRules {
            max_running: settings.turn.max_running_per_user,
            max_attempts: settings.turn.max_attempts,
            timeout: settings.turn.timeout,
        },
    }
}

fn drain_timeout(settings: &Settings) -> Duration {
    match settings.program {
        Program::Copilot => settings
            .executor
            .drain_timeout
            .min(settings.server.drain_timeout),
        Program::Api | Program::Executor => settings.executor.drain_timeout,
    }
}

fn persona(llm: &LlmSettings) -> Result<Option<String>, SetupError> {
    let Some(path) = &llm.system_prompt_file else {
        return Ok(None);
    };
    let read = fs::read_to_string(path);
    read.map(Some).map_err(|source| SetupError::Persona {
        path: path.clone(),
        source,
    })
}

fn engine_config(settings: &Settings) -> EngineConfig {
    let llm = &settings.llm;
    EngineConfig {
        model: llm.model.clone(),
        models: llm.models.clone(),
        fallback_models: llm.fallback_models.clone(),
        title_model: llm
            .title_model
            .clone()
            .filter(|_| llm.provider != Provider::Builtin),
        temperature: llm.temperature,
        max_output_tokens: llm.max_output_tokens,
        reasoning: effort(llm),
        max_steps: settings.turn.max_steps,
        max_tools_at_once: TOOLS_AT_ONCE,
        idle_timeout: llm.idle_timeout,
        retry: RetryPolicy {
            max_retries: llm.max_retries,
            ..RetryPolicy::default()
        },
        secrets: secrets(llm),
    }
}

fn secrets(llm: &LlmSettings) -> Secrets {
    let headers = llm.headers.iter().map(|(_, value)| value.clone());
    Secrets::new(llm.api_key.clone().into_iter().chain(headers))
}
