use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::redact::redact_url;
use super::value::FromText;

/// A valid URL that may hold a password or a token: shown only without them.
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
        if !schemes.contains(&url.scheme()) {
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
        write!(f, "SecretUrl({self})")
    }
}
