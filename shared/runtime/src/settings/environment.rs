//! `COPILOT__SECTION__KEY` and `COPILOT__SECTION__KEY_FILE`.

use std::path::{Path, PathBuf};

use super::error::{SettingsError, variable};
use super::layer::Layer;
use super::nearest::nearest;
use super::origin::Origin;
use super::raw::KEYS;
use super::sources::Sources;

const PREFIX: &str = "COPILOT__";

/// What the environment sets. A blank variable counts as absent unless `keeps_blank` says
/// that nothing is a value of that key (an empty list, an empty text).
pub(super) fn environment(
    sources: &Sources,
    keeps_blank: impl Fn(&str) -> bool,
) -> Result<Layer, SettingsError> {
    let mut layer = Layer::default();
    for name in sources.environment.names() {
        let Some(path) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let key = path.to_lowercase().replace("__", ".");
        let Some(value) = sources.environment.get(name)? else {
            continue;
        };
        if KEYS.contains(&key.as_str()) {
            if keeps_blank(&key) || !value.trim().is_empty() {
                layer.set(&key, value, Origin::Env(name.to_owned()));
            }
            continue;
        }
        let Some(key) = key.strip_suffix("_file").filter(|key| KEYS.contains(key)) else {
            return Err(unknown(key, name));
        };
        if value.trim().is_empty() {
            continue;
        }
        if sources.environment.filled(&variable(key))?.is_some() {
            return Err(SettingsError::Variable {
                variable: name.to_owned(),
                problem: format!("{} is set too; use one of them", variable(key)),
            });
        }
        let secret = secret_file(name, &sources.directory, value)?;
        layer.set(key, secret, Origin::Env(name.to_owned()));
    }
    Ok(layer)
}

fn unknown(key: String, name: &str) -> SettingsError {
    SettingsError::Unknown {
        nearest: nearest(&key, KEYS).map(|known| format!("{known} ({})", variable(known))),
        key,
        origin: Origin::Env(name.to_owned()),
    }
}

/// The file's text without the newline that editors and `echo` put at its end.
fn secret_file(variable: &str, directory: &Path, path: &str) -> Result<String, SettingsError> {
    let text = std::fs::read_to_string(directory.join(path)).map_err(|source| {
        SettingsError::SecretFile {
            variable: variable.to_owned(),
            path: PathBuf::from(path),
            source,
        }
    })?;
    let secret = text.trim_end_matches(['\n', '\r']);
    if secret.trim().is_empty() {
        return Err(SettingsError::Variable {
            variable: variable.to_owned(),
            problem: format!("{path} is empty"),
        });
    }
    Ok(secret.to_owned())
}
