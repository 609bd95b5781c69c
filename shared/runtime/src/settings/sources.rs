use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::error::SettingsError;

/// Everything outside that settings are read from; given by the caller, so that tests own it.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Where `copilot.toml` is looked for, and what relative paths are relative to.
    pub(super) directory: PathBuf,
    /// What `--config` named.
    pub(super) named_file: Option<PathBuf>,
    pub(super) environment: Environment,
}

impl Sources {
    /// `directory` is the process's own, `environment` is `std::env::vars_os()`; tests choose.
    pub fn new<K, V>(
        directory: impl Into<PathBuf>,
        named_file: Option<PathBuf>,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let pairs = environment.into_iter();
        Self {
            directory: directory.into(),
            named_file,
            environment: Environment(
                pairs
                    .filter_map(|(name, value)| {
                        Some((name.into().into_string().ok()?, value.into()))
                    })
                    .collect(),
            ),
        }
    }
}

/// Variables by name. Values stay as the system gave them until somebody wants one.
#[derive(Clone)]
pub(super) struct Environment(BTreeMap<String, OsString>);

impl Environment {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The variable's value, absent also when it is blank.
    pub(super) fn filled(&self, name: &str) -> Result<Option<&str>, SettingsError> {
        Ok(self.get(name)?.filter(|value| !value.trim().is_empty()))
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, SettingsError> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let text = value.to_str().ok_or_else(|| SettingsError::Variable {
            variable: name.to_owned(),
            problem: "its value is no UTF-8".to_owned(),
        })?;
        Ok(Some(text))
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets, also those of other programs.
        f.debug_set().entries(self.names()).finish()
    }
}
