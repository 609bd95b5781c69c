//! What can go wrong with a model, by what may be done about it.

use copilot_core::turn::{ErrorCode, TurnError};
use std::{fmt, time::Duration};

/// What a failure means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderErrorKind {
    /// It asks to slow down.
    RateLimited {
        /// For how long.
        retry_after: Option<Duration>,
    },
    /// It cannot be reached or is out of order.
    Unavailable {
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It does not take the key.
    Auth,
    /// It does not take the request.
    Refused,
    /// The conversation does not fit its window.
    ContextTooLong,
    /// The reply began and then broke, or cannot be understood.
    Broken,
    /// It has been silent for too long.
    Idle,
}

impl ProviderErrorKind {
    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_passing(self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Broken | Self::Idle => true,
            Self::Auth | Self::Refused | Self::ContextTooLong => false,
        }
    }

    /// How long the provider wants to be left alone.
    #[must_use]
    pub const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after } => retry_after,
            _ => None,
        }
    }
}

/// A failed model call.
#[derive(Clone, Debug)]
pub struct ProviderError {
    /// What it means.
    pub kind: ProviderErrorKind,
    /// Status and code, for the log. Holds nothing of the conversation and no key.
    pub summary: String,
    /// What the provider's body said, cut short. It may quote the conversation: debug level only.
    pub said: Option<String>,
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)
    }
}

impl std::error::Error for ProviderError {}

impl ProviderError {
    /// An error of `kind`.
    #[must_use]
    pub fn new(kind: ProviderErrorKind, summary: impl Into<String>) -> Self {
        Self {
            kind,
            summary: summary.into(),
            said: None,
        }
    }

    /// The reply began and then broke.
    #[must_use]
    pub fn broken(summary: impl Into<String>) -> Self {
        Self::new(ProviderErrorKind::Broken, summary)
    }

    /// What clients are told when nothing of the reply was shown.
    #[must_use]
    pub fn before_visible(&self) -> TurnError {
        let mut error = match self.kind {
            ProviderErrorKind::RateLimited { .. } => TurnError::retryable(
                ErrorCode::LlmRateLimited,
                "The model's service asks to slow down. Please try again in a moment.",
            ),
            ProviderErrorKind::Unavailable { .. } | ProviderErrorKind::Broken => {
                TurnError::retryable(
                    ErrorCode::LlmUnavailable,
                    "The model's service cannot be reached or is out of order. Please try again later.",
                )
            }
            ProviderErrorKind::Idle => TurnError::retryable(
                ErrorCode::LlmUnavailable,
                "The model's service did not answer in time. Please try again later.",
            ),
            ProviderErrorKind::Auth => TurnError::lasting(
                ErrorCode::LlmAuth,
                "The model's service does not accept the configured key. The operator must correct it.",
            ),
            ProviderErrorKind::Refused => TurnError::lasting(
                ErrorCode::LlmRefused,
                "The model's service did not take the request.",
            ),
            ProviderErrorKind::ContextTooLong => TurnError::lasting(
                ErrorCode::ContextTooLong,
                "The conversation is too long for the model. Please start a new session or send less.",
            ),
        };
        error.retry_after_seconds = self.kind.retry_after().map(whole_seconds);
        error
    }

    /// What clients are told when a part of the reply was shown.
    #[must_use]
    pub fn after_visible(&self) -> TurnError {
        TurnError::retryable(
            ErrorCode::StreamError,
            "The model's answer broke off. What came before is kept; please try again.",
        )
    }
}

/// Rounded up, so that nobody comes back too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_code_and_no_sentence_shows_internals() {
        use ProviderErrorKind::{
            Auth, Broken, ContextTooLong, Idle, RateLimited, Refused, Unavailable,
        };
        let wait = Some(Duration::from_millis(1500));
        for (kind, code, retryable) in [
            (
                RateLimited { retry_after: wait },
                ErrorCode::LlmRateLimited,
                true,
            ),
            (
                Unavailable { retry_after: None },
                ErrorCode::LlmUnavailable,
                true,
            ),
            (Broken, ErrorCode::LlmUnavailable, true),
            (Idle, ErrorCode::LlmUnavailable, true),
            (Auth, ErrorCode::LlmAuth, false),
            (Refused, ErrorCode::LlmRefused, false),
            (ContextTooLong, ErrorCode::ContextTooLong, false),
        ] {
            let error = ProviderError::new(kind, "HTTP 599, secret_code");
            let told = error.before_visible();
            assert_eq!((told.code, told.retryable), (code, retryable));
            assert_eq!(told.retry_after_seconds, kind.retry_after().map(|_| 2));
            assert!(!told.message.contains("599"));
            assert_eq!(error.after_visible().code, ErrorCode::StreamError);
        }
    }
}
