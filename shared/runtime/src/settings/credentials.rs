use secrecy::{ExposeSecret as _, SecretString};

use super::fault::Fault;
use super::raw::RawCredentials;

const SHORTEST_KEY_BYTES: usize = 32;

/// What encrypts stored credentials and signs download links.
#[derive(Debug, Clone)]
pub struct CredentialsSettings {
    /// The first for new ones, the others for what is there. Each has at least 32 bytes.
    /// Empty in `copilot`: it makes one beside its database file.
    pub keys: Vec<SecretString>,
}

impl CredentialsSettings {
    pub(super) fn checked(raw: RawCredentials) -> Result<Self, Fault> {
        let lengths = raw.keys.iter().map(|key| key.expose_secret().len());
        if let Some((index, bytes)) = lengths
            .enumerate()
            .find(|(_, bytes)| *bytes < SHORTEST_KEY_BYTES)
        {
            return Err(Fault::new(
                "credentials.keys",
                format!(
                    "expected at least {SHORTEST_KEY_BYTES} bytes in each key, got {bytes} in number {}",
                    index + 1
                ),
            ));
        }
        Ok(Self { keys: raw.keys })
    }
}
