//! `copilot.toml`, or the file that `--config` names.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use config::{Config, ConfigError, File, FileFormat, ValueKind};

use super::error::SettingsError;
use super::layer::Layer;
use super::nearest::nearest;
use super::origin::Origin;
use super::raw::KEYS;
use super::sources::Sources;

const DEFAULT_NAME: &str = "copilot.toml";

/// What the file sets. Only the default one may be missing.
pub(super) fn file(
    sources: &Sources,
    keeps_blank: impl Fn(&str) -> bool,
) -> Result<Layer, SettingsError> {
    let path = match &sources.named_file {
        Some(path) => path.clone(),
        None => PathBuf::from(DEFAULT_NAME),
    };
    let text = match std::fs::read_to_string(sources.directory.join(&path)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && sources.named_file.is_none() => {
            return Ok(Layer::default());
        }
        Err(error) => {
            let problem = error.to_string();
            return Err(SettingsError::File { path, problem });
        }
    };
    let mut layer = toml_layer(&text, &path, &Origin::File(path.clone()))?;
    layer.drop_blanks(keeps_blank);
    Ok(layer)
}

/// The keys of a TOML text, every one of them known.
pub(super) fn toml_layer(text: &str, path: &Path, origin: &Origin) -> Result<Layer, SettingsError> {
    let text = text.trim_start_matches('\u{feff}');
    let parsed = Config::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .build()
        .map_err(|error| SettingsError::File {
            path: path.to_owned(),
            problem: toml_problem(&error),
        })?;
    let mut layer = Layer::default();
    let ValueKind::Table(sections) = parsed.cache.kind else {
        return Ok(layer);
    };
    let unknown = |key: String, candidates: &[&str]| SettingsError::Unknown {
        nearest: nearest(&key, candidates).map(str::to_owned),
        key,
        origin: origin.clone(),
    };
    for (section, value) in sections {
        let prefix = format!("{section}.");
        if !KEYS.iter().any(|key| key.starts_with(&prefix)) {
            let names: Vec<&str> = KEYS
                .iter()
                .filter_map(|key| key.split('.').next())
                .collect();
            return Err(unknown(section, &names));
        }
        let ValueKind::Table(keys) = value.kind else {
            return Err(SettingsError::File {
                path: path.to_owned(),
                problem: format!("expected a section [{section}], got a value"),
            });
        };
        for (key, value) in keys {
            let key = format!("{prefix}{key}");
            if !KEYS.contains(&key.as_str()) {
                return Err(unknown(key, KEYS));
            }
            layer.set(&key, value.kind, origin.clone());
        }
    }
    Ok(layer)
}

/// One line with the place and the reason, without the quoted source: it may hold a secret.
fn toml_problem(error: &ConfigError) -> String {
    let text = match error {
        ConfigError::FileParse { cause, .. } => cause.to_string(),
        other => other.to_string(),
    };
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let place = lines.next().unwrap_or("no TOML").to_owned();
    match lines.next_back() {
        Some(reason) => format!("{place}: {reason}"),
        None => place,
    }
}
