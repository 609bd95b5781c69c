//! The one error of all ports.

use std::error::Error;

/// What a caller can do about a [`PortError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The server behind is away or too busy: try again later.
    Unavailable,
    /// A fault of ours, or data that cannot be read: trying again will not help.
    Broken,
}

/// A port could not do what it promises.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct PortError {
    /// What can be done.
    pub kind: ErrorKind,
    /// What was tried.
    pub doing: &'static str,
    /// Why it failed.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl PortError {
    /// The server behind is away.
    pub fn unavailable(
        doing: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind: ErrorKind::Unavailable,
            doing,
            source: source.into(),
        }
    }

    /// Trying again will not help.
    pub fn broken(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: ErrorKind::Broken,
            doing,
            source: source.into(),
        }
    }

    /// Whether trying again may help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.kind == ErrorKind::Unavailable
    }
}
