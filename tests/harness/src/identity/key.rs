//! A key that signs.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::forgery::seal;

/// A fresh key and its name.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl SigningKey {
    /// For RS256.
    pub fn rsa(id: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().expect("the key as PKCS#8");
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("the key that was made");
        Self::new(id, Algorithm::RS256, key)
    }

    /// For ES256.
    pub fn p256(id: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let pkcs8 = pkcs8.expect("an elliptic curve key");
        Self::new(
            id,
            Algorithm::ES256,
            EncodingKey::from_ec_der(pkcs8.as_ref()),
        )
    }

    /// For `EdDSA`.
    pub fn ed25519(id: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new());
        let pkcs8 = pkcs8.expect("an Edwards curve key");
        Self::new(
            id,
            Algorithm::EdDSA,
            EncodingKey::from_ed_der(pkcs8.as_ref()),
        )
    }

    /// For HS256.
    pub fn secret(secret: &str) -> Self {
        Self::new(
            "",
            Algorithm::HS256,
            EncodingKey::from_secret(secret.as_bytes()),
        )
    }

    fn new(id: &str, algorithm: Algorithm, key: EncodingKey) -> Self {
        Self {
            id: id.to_owned(),
            algorithm,
            key,
        }
    }

    /// As a provider publishes it.
    pub fn published(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a public key");
        let mut jwk = serde_json::to_value(jwk).expect("a key as JSON");
        jwk["kid"] = self.id.as_str().into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// The head of its tokens.
    pub fn header(&self) -> Value {
        let mut header = json!({"typ": "JWT", "alg": format!("{:?}", self.algorithm)});
        if !self.id.is_empty() {
            header["kid"] = self.id.as_str().into();
        }
        header
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.seal(&self.header(), claims)
    }

    /// A token with any head, signed by this key all the same.
    pub fn seal(&self, header: &Value, claims: &Value) -> String {
        seal(header, claims, &self.key, self.algorithm)
    }
}
