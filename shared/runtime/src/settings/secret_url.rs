use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::redact::{origin_only, redact_url};
use super::value::FromText;

/// A valid URL that may hold a password or a token: `Display` hides these, `Debug` the path too.
#[derive(Clone)]
pub struct SecretUrl(SecretString);

impl SecretUrl {
    /// The whole text, for the client that connects.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// `text`, if it is a URL of one of these schemes; the problem does not show it.
    pub(super) fn of_schemes(text: &str, schemes: &[&str]) -> Result<Self, String> {
        let text = text.trim();
        let expected = || format!("expected a URL ({}://…)", schemes.join("://…, "));
        let url = Url::parse(text)
            .map_err(|error| format!("{}, got {} ({error})", expected(), redact_url(text)))?;
        let needs_host = !matches!(url.scheme(), "file" | "memory" | "postgres" | "postgresql");
        let lacks_host = needs_host && url.host_str().is_none_or(str::is_empty);
        if !schemes.contains(&url.scheme()) || !text.contains("://") || lacks_host {
            return Err(format!("{}, got {}", expected(), redact_url(text)));
        }
        Ok(Self(text.into()))
    }
}

impl FromText for SecretUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::of_schemes(text, &["http", "https"])
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact_url(self.expose()))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({})", origin_only(self.expose()))
    }
}
