#![expect(
    clippy::disallowed_methods,
    reason = "a name for a temporary folder, nothing more"
)]
mod checks;
mod defaults;
mod every_key;
mod layers;
mod llm;
mod reference;
mod secrets;

use std::path::{Path, PathBuf};

use super::*;

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("copilot-settings-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn with(self, name: &str, text: &str) -> Self {
        std::fs::write(self.0.join(name), text).unwrap();
        self
    }

    fn sources(&self, environment: &[(&str, &str)]) -> Sources {
        Sources::new(&self.0, None, environment.iter().copied())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A left-over folder in /tmp harms nobody.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Nothing but these variables.
fn from_env(program: Program, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let sources = Sources::new("/nowhere", None, environment.iter().copied());
    Settings::load(program, &sources)
}

fn copilot(environment: &[(&str, &str)]) -> Settings {
    from_env(Program::Copilot, environment).unwrap()
}

/// `copilot` with nothing but this file.
fn from_file(text: &str) -> Result<Settings, SettingsError> {
    let folder = Folder::new().with("copilot.toml", text);
    Settings::load(Program::Copilot, &folder.sources(&[]))
}

/// What `copilot` says to this one variable.
fn refused(name: &str, value: &str) -> String {
    let error = from_env(Program::Copilot, &[(name, value)]).unwrap_err();
    let line = error.to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

/// What the distributed programs need at least.
const DISTRIBUTED: [(&str, &str); 4] = [
    ("DATABASE_URL", "postgres://u:hunter2@db/copilot"),
    ("REDIS_URL", "redis://:hunter2@redis:6379"),
    ("AMQP_URL", "amqp://u:hunter2@rabbit/%2f"),
    (
        "COPILOT__AUTH__JWT_SECRET",
        "hunter2-hunter2-hunter2-hunter2-",
    ),
];

fn distributed(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    DISTRIBUTED.iter().chain(more).copied().collect()
}

fn effective(program: Program, environment: &[(&str, &str)]) -> Vec<EffectiveSetting> {
    let sources = Sources::new("/nowhere", None, environment.iter().copied());
    SettingsDraft::read(program, &sources).unwrap().effective()
}

fn line(settings: &[EffectiveSetting], key: &str) -> (Option<String>, String) {
    let found = settings.iter().find(|setting| setting.key == key).unwrap();
    (found.value.clone(), found.origin.to_string())
}
