//! Tokens for development, signed with the configured secret.

use super::token_check::subject;
use copilot_core::clock::Timestamp;
use copilot_runtime::settings::{AuthSettings, JwtVerifier};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::ExposeSecret;
use serde::Serialize;
use std::time::Duration;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevTokenError {
    /// Nobody asks for one.
    #[error(
        "auth.mode is local, which asks for no token; set auth.mode=jwt and auth.jwt_secret to sign one"
    )]
    NotAsked,
    /// Only the provider can make one.
    #[error(
        "auth.jwt_secret is not set: tokens for auth.jwks_url are signed by the identity provider alone"
    )]
    NoSecret,
    /// The name cannot be a user's.
    #[error("--user: expected 1 to {most} visible characters", most = crate::limits::USER_ID_CHARS)]
    NoUser,
    /// The library refuses.
    #[error("the token cannot be signed")]
    Unsigned(#[from] jsonwebtoken::errors::Error),
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    iat: i64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

/// A token of `user` that these settings accept.
pub(crate) fn dev_token(
    settings: Option<&AuthSettings>,
    user: String,
    now: Timestamp,
    life: Duration,
) -> Result<String, DevTokenError> {
    let Some(AuthSettings::Jwt {
        verifier,
        issuer,
        audience,
        ..
    }) = settings
    else {
        return Err(DevTokenError::NotAsked);
    };
    let JwtVerifier::Secret(secret) = verifier else {
        return Err(DevTokenError::NoSecret);
    };
    let user = subject(user).ok_or(DevTokenError::NoUser)?;
    let iat = now.timestamp();
    let claims = Claims {
        sub: user.as_str(),
        iat,
        exp: u64::try_from(iat).unwrap_or_default() + life.as_secs(),
        iss: issuer.as_deref(),
        aud: audience.as_deref(),
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    Ok(encode(&Header::new(Algorithm::HS256), &claims, &key)?)
}
