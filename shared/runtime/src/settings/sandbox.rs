use secrecy::SecretString;

use super::fault::Fault;
use super::raw::RawSandbox;
use super::secret_url::SecretUrl;
use super::value::{FromText, one_of};

/// Where shell commands run.
#[derive(Debug, Clone)]
pub enum SandboxSettings {
    /// Bubblewrap where it works, else none.
    Auto,
    /// No shell.
    None,
    /// Namespaces of this machine.
    Bubblewrap,
    /// A sandbox service.
    E2b {
        /// Its key.
        api_key: SecretString,
        /// An own installation; none: the public one.
        url: Option<SecretUrl>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SandboxKind {
    None,
    Bubblewrap,
    E2b,
}

impl FromText for SandboxKind {
    fn from_text(text: &str) -> Result<Self, String> {
        one_of(
            text,
            &[
                ("bubblewrap", Self::Bubblewrap),
                ("e2b", Self::E2b),
                ("none", Self::None),
            ],
        )
    }
}

impl SandboxSettings {
    pub(super) fn checked(raw: RawSandbox) -> Result<Self, Fault> {
        match (raw.kind, raw.e2b_api_key) {
            (None, _) => Ok(Self::Auto),
            (Some(SandboxKind::None), _) => Ok(Self::None),
            (Some(SandboxKind::Bubblewrap), _) => Ok(Self::Bubblewrap),
            (Some(SandboxKind::E2b), Some(api_key)) => Ok(Self::E2b {
                api_key,
                url: raw.e2b_url,
            }),
            (Some(SandboxKind::E2b), None) => Err(Fault::new(
                "sandbox.e2b_api_key",
                "needed with sandbox.kind=e2b",
            )),
        }
    }
}
