//! Whether a token is good, and whose it is.

use super::{key_ring::KeyRing, key_set::VerifyingKey, token_fault::TokenFault};
use crate::limits::USER_ID_CHARS;
use copilot_core::{id::UserId, port::ready::ReadyPart};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    errors::{Error, ErrorKind},
};
use serde::Deserialize;
use std::sync::Arc;

/// How far the provider's clock and ours may be apart.
const LEEWAY_SECONDS: u64 = 10;

/// What signatures are checked with.
#[derive(Debug)]
pub(super) enum Keys {
    /// One secret that we and the provider share.
    Secret(VerifyingKey),
    /// Keys that the provider publishes.
    Published(KeyRing),
}

impl Keys {
    pub(super) fn secret(secret: &[u8]) -> Self {
        Self::Secret(VerifyingKey {
            id: None,
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(secret),
        })
    }
}

/// What a good token says.
#[derive(Clone, Debug, Default)]
pub(super) struct TokenRules {
    /// Its issuer; none: any.
    pub(super) issuer: Option<String>,
    /// One of its audiences; none: any.
    pub(super) audience: Option<String>,
}

/// Checks tokens.
#[derive(Debug)]
pub(super) struct TokenCheck {
    keys: Keys,
    rules: TokenRules,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl TokenCheck {
    pub(super) const fn new(keys: Keys, rules: TokenRules) -> Self {
        Self { keys, rules }
    }

    /// Whose token it is.
    pub(super) async fn user(&self, token: &str) -> Result<UserId, TokenFault> {
        let header = decode_header(token).map_err(|_| TokenFault::Invalid("no readable header"))?;
        // There is no extension that we know.
        if header.crit.is_some() {
            return Err(TokenFault::Invalid("a critical extension"));
        }
        let found;
        let key = match &self.keys {
            Keys::Secret(key) => key,
            Keys::Published(ring) => {
                found = ring.key(header.kid.as_deref()).await?;
                &found
            }
        };
        let claims = decode::<Claims>(token, &key.key, &self.validation(key.algorithm))
            .map_err(|error| fault(&error))?
            .claims;
        subject(claims.sub).ok_or(TokenFault::Invalid("a subject that is no user's name"))
    }

    /// The algorithm is the key's, never the token's.
    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        let mut required = vec!["exp", "sub"];
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.validate_aud = self.rules.audience.is_some();
        if let Some(audience) = &self.rules.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        if let Some(issuer) = &self.rules.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    pub(super) fn ready_part(&self) -> Option<Arc<dyn ReadyPart>> {
        match &self.keys {
            Keys::Secret(_) => None,
            Keys::Published(ring) => Some(Arc::new(ring.clone())),
        }
    }
}

/// The user of this name, if it can be one.
pub(crate) fn subject(name: String) -> Option<UserId> {
    let is_good = !name.trim().is_empty()
        && name.chars().count() <= USER_ID_CHARS
        && !name.contains(char::is_control);
    is_good.then(|| UserId::new(name))
}

fn fault(error: &Error) -> TokenFault {
    match error.kind() {
        ErrorKind::ExpiredSignature => TokenFault::Expired,
        ErrorKind::ImmatureSignature => TokenFault::Invalid("a token that is not valid yet"),
        ErrorKind::InvalidIssuer => TokenFault::Invalid("another issuer"),
        ErrorKind::InvalidAudience => TokenFault::Invalid("another audience"),
        ErrorKind::MissingRequiredClaim(_) => TokenFault::Invalid("a claim is missing"),
        ErrorKind::InvalidAlgorithm => TokenFault::Invalid("another algorithm than the key's"),
        ErrorKind::InvalidSignature => TokenFault::Invalid("a wrong signature"),
        _ => TokenFault::Invalid("no readable token"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_name_is_visible_and_short() {
        let longest = "é".repeat(USER_ID_CHARS);
        for good in ["a", "auth0|123", "Zoë Ann", longest.as_str()] {
            assert_eq!(subject(good.to_owned()), Some(UserId::new(good)));
        }
        let long = "é".repeat(USER_ID_CHARS + 1);
        for wrong in ["", " ", "a\0b", "a\nb", "\u{85}", long.as_str()] {
            assert_eq!(subject(wrong.to_owned()), None, "{wrong:?}");
        }
    }
}
