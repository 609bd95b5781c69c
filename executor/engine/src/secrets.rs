//! What a log must not have, not even where others repeat it.

use secrecy::{ExposeSecret as _, SecretString};

/// Shorter ones would be found in any text.
const SHORTEST: usize = 6;

/// Secrets that a model's server knows, and may repeat when it complains.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<SecretString>);

impl Secrets {
    /// These.
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let is_long = |secret: &SecretString| secret.expose_secret().len() >= SHORTEST;
        Self(secrets.into_iter().filter(is_long).collect())
    }

    /// `text` without them.
    #[must_use]
    pub fn hidden(&self, text: &str) -> String {
        let mut hidden = text.to_owned();
        for secret in &self.0 {
            hidden = hidden.replace(secret.expose_secret(), "[secret]");
        }
        hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let secrets = Secrets::new(["sk-123456".into(), "abc".into(), "".into()]);
        assert_eq!(
            secrets.hidden("sk-123456 is wrong (sk-123456), abc"),
            "[secret] is wrong ([secret]), abc"
        );
    }
}
