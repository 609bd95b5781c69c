//! The keys that a provider publishes, as far as they are of use here.

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

/// More keys than any provider has at a time.
const MOST_KEYS: usize = 100;

/// A key, and the one algorithm that it is good for.
#[derive(Clone, Debug)]
pub(super) struct VerifyingKey {
    /// What tokens call it.
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// All usable keys of one publication.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<VerifyingKey>);

/// It is no set of keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeySetError {
    /// It cannot be read.
    #[error("it is no JSON Web Key Set")]
    Unreadable(#[source] serde_json::Error),
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

impl KeySet {
    /// Keys of other kinds and uses are left out: a provider may publish what it likes.
    pub(super) fn parse(body: &[u8]) -> Result<Self, KeySetError> {
        let published: Published = serde_json::from_slice(body).map_err(KeySetError::Unreadable)?;
        let keys = published
            .keys
            .into_iter()
            .take(MOST_KEYS)
            .filter_map(|key| usable(&serde_json::from_value(key).ok()?))
            .collect();
        Ok(Self(keys))
    }

    /// Whether none of the published keys is of use: all were withdrawn, or are of other kinds.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key that a token names. One that names none means the only one.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&VerifyingKey> {
        match (id, self.0.as_slice()) {
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}

fn usable(jwk: &Jwk) -> Option<VerifyingKey> {
    let common = &jwk.common;
    let signs = common
        .public_key_use
        .as_ref()
        .is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let verifies = common
        .key_operations
        .as_ref()
        .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    let algorithm = algorithm(&jwk.algorithm)?;
    let agrees = common
        .key_algorithm
        .is_none_or(|named| named == KeyAlgorithm::from(algorithm));
    if !(signs && verifies && agrees) {
        return None;
    }
    Some(VerifyingKey {
        id: common.key_id.clone(),
        algorithm,
        key: DecodingKey::from_jwk(jwk).ok()?,
    })
}

/// What a key of this kind is good for; a shared secret that is published is good for nothing.
fn algorithm(key: &AlgorithmParameters) -> Option<Algorithm> {
    match key {
        AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            Some(Algorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            Some(Algorithm::EdDSA)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rsa(extra: &Value) -> Value {
        let mut key = json!({"kty": "RSA", "kid": "a", "n": "sXch", "e": "AQAB"});
        let (own, extra) = (key.as_object_mut().unwrap(), extra.as_object().unwrap());
        own.extend(extra.clone());
        key
    }

    fn set(keys: &[Value]) -> Result<KeySet, KeySetError> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn only_keys_that_check_signatures_are_kept() {
        for (extra, expected) in [
            (json!({}), true),
            (json!({"use": "sig", "alg": "RS256"}), true),
            (json!({"key_ops": ["verify"]}), true),
            (json!({"use": "enc"}), false),
            (json!({"key_ops": ["encrypt"]}), false),
            (json!({"alg": "RS512"}), false),
            (json!({"alg": "RSA-OAEP"}), false),
            (json!({"alg": "HS256"}), false),
            (json!({"alg": "made-up"}), false),
            (json!({"n": 7}), false),
        ] {
            assert_eq!(
                !set(&[rsa(&extra)]).unwrap().is_empty(),
                expected,
                "{extra}"
            );
        }
        for other in [
            json!({"kty": "oct", "kid": "a", "k": "c2VjcmV0"}),
            json!({"kty": "EC", "kid": "a", "crv": "P-384", "x": "AA", "y": "AA"}),
            json!({"kty": "new"}),
            json!(7),
        ] {
            assert!(set(&[other]).unwrap().is_empty());
        }
    }

    #[test]
    fn a_key_of_an_unknown_kind_does_not_spoil_the_others() {
        let keys = set(&[json!({"kty": "new"}), rsa(&json!({})), json!(null)]).unwrap();
        assert_eq!(keys.find(Some("a")).unwrap().algorithm, Algorithm::RS256);
    }

    #[test]
    fn a_token_without_a_name_means_the_only_key() {
        let one = set(&[rsa(&json!({}))]).unwrap();
        let two = set(&[rsa(&json!({})), rsa(&json!({"kid": "b"}))]).unwrap();
        assert!(one.find(None).is_some());
        assert!(two.find(None).is_none());
        assert!(two.find(Some("b")).is_some());
        for unknown in ["", "A", "a ", "../a", "a\0"] {
            assert!(two.find(Some(unknown)).is_none(), "{unknown:?}");
        }
    }

    #[test]
    fn what_is_no_set_says_so() {
        for body in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
            let parsed = KeySet::parse(body.as_bytes());
            assert!(matches!(parsed, Err(KeySetError::Unreadable(_))), "{body}");
        }
    }
}
