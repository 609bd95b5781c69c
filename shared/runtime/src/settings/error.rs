use std::io;
use std::path::PathBuf;

use super::origin::Origin;

/// Why the settings cannot be used; each is one line that names the key and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No such key.
    #[error("unknown setting {key} ({origin}){}", hint(.nearest.as_deref()))]
    Unknown {
        /// As it was written.
        key: String,
        /// Where it was written.
        origin: Origin,
        /// A known key that looks like it.
        nearest: Option<String>,
    },
    /// A value that is wrong or, with a default origin, missing.
    #[error("{key}: {problem}{}; set it by {} or in copilot.toml", whence(.origin), variable(.key))]
    Invalid {
        /// `section.key`.
        key: String,
        /// What was expected and what was found, without secrets.
        problem: String,
        /// Where the value came from.
        origin: Origin,
    },
    /// The settings file is missing, unreadable or no TOML.
    #[error("settings file {}: {problem}", .path.display())]
    File {
        /// As it was named.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A `…__KEY_FILE` that cannot be read.
    #[error("{variable}: cannot read {}: {source}", .path.display())]
    SecretFile {
        /// The environment variable.
        variable: String,
        /// The file that it names.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An environment variable of ours that cannot be used at all.
    #[error("{variable}: {problem}")]
    Variable {
        /// Its name.
        variable: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl SettingsError {
    /// The key that it is about, if it is about one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Unknown { key, .. } | Self::Invalid { key, .. } => Some(key),
            Self::File { .. } | Self::SecretFile { .. } | Self::Variable { .. } => None,
        }
    }
}

/// The environment variable that sets a key.
pub(super) fn variable(key: &str) -> String {
    format!("COPILOT__{}", key.replace('.', "__").to_uppercase())
}

fn whence(origin: &Origin) -> String {
    match origin {
        Origin::Default => String::new(),
        Origin::File(_) | Origin::Env(_) => format!(" ({origin})"),
    }
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |key| format!("; did you mean {key}?"))
}
