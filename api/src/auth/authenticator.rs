//! Who calls, by what the settings ask of a caller.

use super::{
    bearer::bearer,
    key_ring::{KeyRing, Pace},
    key_source::{KeySource, KeySourceError},
    token_check::{Keys, TokenCheck, TokenRules},
    token_fault::TokenFault,
};
use copilot_core::{id::UserId, port::ready::ReadyPart};
use copilot_runtime::settings::{AuthSettings, JwtVerifier};
use poem::http::HeaderMap;
use secrecy::ExposeSecret;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// The one user of local mode.
const LOCAL_USER: &str = "local";

/// Tells who calls.
#[derive(Debug, Default)]
pub struct Authenticator {
    asks: Asks,
}

/// What a caller is asked for.
#[derive(Debug, Default)]
enum Asks {
    /// Nothing: every caller is the user `local`.
    #[default]
    Nothing,
    /// A token.
    Token {
        check: TokenCheck,
        without: WithoutToken,
    },
}

/// What becomes of a caller without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WithoutToken {
    Refused,
    Anonymous,
}

impl Authenticator {
    /// What these settings ask for. A published set of keys is fetched on `tasks`.
    pub fn new(settings: &AuthSettings, tasks: &TaskTracker) -> Result<Self, KeySourceError> {
        let AuthSettings::Jwt {
            verifier,
            issuer,
            audience,
            allow_anonymous,
        } = settings
        else {
            return Ok(Self::default());
        };
        let keys = match verifier {
            JwtVerifier::Secret(secret) => Keys::secret(secret.expose_secret().as_bytes()),
            JwtVerifier::Jwks(url) => {
                let source = KeySource::new(url.expose())?;
                Keys::Published(KeyRing::new(source, Pace::default(), tasks.clone()))
            }
        };
        let rules = TokenRules {
            issuer: issuer.clone(),
            audience: audience.clone(),
        };
        Ok(Self {
            asks: Asks::Token {
                check: TokenCheck::new(keys, rules),
                without: if *allow_anonymous {
                    WithoutToken::Anonymous
                } else {
                    WithoutToken::Refused
                },
            },
        })
    }

    /// Whether every caller is the user `local`.
    pub(crate) const fn is_local(&self) -> bool {
        matches!(self.asks, Asks::Nothing)
    }

    /// Whether there may be anonymous sessions.
    pub(crate) const fn allows_anonymous(&self) -> bool {
        matches!(
            self.asks,
            Asks::Token {
                without: WithoutToken::Anonymous,
                ..
            }
        )
    }

    /// The user who calls; none: nobody in particular, which is fine here. A token that is
    /// wrong is never as good as none.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Result<Option<UserId>, TokenFault> {
        let Asks::Token { check, without } = &self.asks else {
            return Ok(Some(UserId::new(LOCAL_USER)));
        };
        match (bearer(headers)?, without) {
            (Some(token), _) => check.user(token).await.map(Some),
            (None, WithoutToken::Anonymous) => Ok(None),
            (None, WithoutToken::Refused) => Err(TokenFault::Missing),
        }
    }

    /// What `/readyz` asks of it.
    pub(crate) fn ready_part(&self) -> Option<Arc<dyn ReadyPart>> {
        match &self.asks {
            Asks::Nothing => None,
            Asks::Token { check, .. } => check.ready_part(),
        }
    }
}
