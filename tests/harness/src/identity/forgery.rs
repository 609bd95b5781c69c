//! Tokens of every kind, good and forged.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::key::SigningKey;

/// The secret of stacks that ask for tokens.
pub const JWT_SECRET: &str = "a secret of the tests, 32 bytes or more";

/// A good token of `user` by [`JWT_SECRET`].
pub fn token_of(user: &str) -> String {
    SigningKey::secret(JWT_SECRET).sign(&claims(user))
}

/// What a good token of `user` says, for an hour from now.
pub fn claims(user: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("a clock after 1970").as_secs();
    json!({"sub": user, "aud": "authenticated", "iat": now, "exp": now + 3600})
}

/// A token with any head and claims, whatever they say of its signature.
pub fn seal(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = unsigned(header, claims);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm);
    format!("{message}.{}", signature.expect("a signature"))
}

/// The first two parts of a token.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}
