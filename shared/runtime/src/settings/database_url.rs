use std::fmt;
use std::path::PathBuf;

use super::redact::redact_url;
use super::secret_url::SecretUrl;
use super::value::FromText;

/// Where the data is. Shown without its password.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// `sqlite://FILE?mode=rwc`, `sqlite::memory:`.
    Sqlite(String),
    /// `postgres://…`.
    Postgres(SecretUrl),
}

impl DatabaseUrl {
    /// The whole text, for the pool that connects.
    #[must_use]
    pub fn expose(&self) -> &str {
        match self {
            Self::Sqlite(text) => text,
            Self::Postgres(url) => url.expose(),
        }
    }

    /// The file of an `SQLite` database that is not in memory.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        let (path, _) = self.sqlite_parts()?;
        (!self.is_in_memory()).then(|| PathBuf::from(path))
    }

    /// Whether the data goes with the process.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.sqlite_parts().is_some_and(|(path, query)| {
            path.is_empty() || path == ":memory:" || query.contains("mode=memory")
        })
    }

    /// Whether a missing file is made.
    #[must_use]
    pub fn makes_file(&self) -> bool {
        self.sqlite_parts()
            .is_some_and(|(_, query)| query.contains("mode=rwc"))
    }

    /// Path and query.
    fn sqlite_parts(&self) -> Option<(&str, &str)> {
        let Self::Sqlite(text) = self else {
            return None;
        };
        let rest = text.strip_prefix("sqlite:")?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        Some(rest.split_once('?').unwrap_or((rest, "")))
    }
}

impl FromText for DatabaseUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with("sqlite:") {
            return Ok(Self::Sqlite(text.to_owned()));
        }
        SecretUrl::of_schemes(text, &["postgres", "postgresql"])
            .map(Self::Postgres)
            .map_err(|_| {
                format!(
                    "expected sqlite://FILE?mode=rwc or postgres://USER:PASSWORD@HOST/NAME, got {}",
                    redact_url(text)
                )
            })
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact_url(self.expose()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {

    use std::path::Path;

    use super::*;

    #[test]
    fn the_file_of_a_database_is_found() {
        for (text, file) in [
            ("sqlite://copilot.db?mode=rwc", Some("copilot.db")),
            ("sqlite:///var/lib/copilot.db", Some("/var/lib/copilot.db")),
            ("sqlite:data/copilot.db", Some("data/copilot.db")),
            ("sqlite::memory:", None),
            ("sqlite://x?mode=memory", None),
            ("postgres://u@h/copilot", None),
        ] {
            let url = DatabaseUrl::from_text(text).unwrap();
            assert_eq!(url.sqlite_file().as_deref(), file.map(Path::new), "{text}");
        }
    }

    #[test]
    fn other_databases_are_refused_without_their_password() {
        let problem = DatabaseUrl::from_text("mysql://u:hunter2@h/db").unwrap_err();
        assert!(problem.contains("mysql://u:***@h/db"), "{problem}");
    }
}
