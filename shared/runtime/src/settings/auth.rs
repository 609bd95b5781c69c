use std::net::SocketAddr;

use secrecy::{ExposeSecret as _, SecretString};

use super::fault::Fault;
use super::program::Program;
use super::raw::RawAuth;
use super::secret_url::SecretUrl;
use super::value::{FromText, one_of};

const SHORTEST_SECRET_BYTES: usize = 32;

/// Who may call.
#[derive(Debug, Clone)]
pub enum AuthSettings {
    /// No token; every caller is the user `local`.
    Local,
    /// A bearer token.
    Jwt {
        /// What a signature is checked with.
        verifier: JwtVerifier,
        /// The issuer that a token must name.
        issuer: Option<String>,
        /// The audience that a token must name.
        audience: Option<String>,
        /// Whether callers without a token may have anonymous sessions.
        allow_anonymous: bool,
    },
}

/// What a token's signature is checked with.
#[derive(Debug, Clone)]
pub enum JwtVerifier {
    /// HS256, at least 32 bytes.
    Secret(SecretString),
    /// RS256, ES256 or `EdDSA` with the provider's published keys.
    Jwks(SecretUrl),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuthMode {
    Local,
    Jwt,
}

impl FromText for AuthMode {
    fn from_text(text: &str) -> Result<Self, String> {
        one_of(text, &[("local", Self::Local), ("jwt", Self::Jwt)])
    }
}

impl AuthSettings {
    /// None only in an executor without any of these keys: it serves nobody.
    pub(super) fn checked(
        program: Program,
        listen: SocketAddr,
        raw: RawAuth,
    ) -> Result<Option<Self>, Fault> {
        let verifier = verifier(raw.jwt_secret, raw.jwks_url)?;
        match (raw.mode, verifier) {
            (AuthMode::Local, _) => {
                let reachable = program != Program::Executor
                    && !listen.ip().to_canonical().is_loopback()
                    && !raw.allow_insecure;
                if reachable {
                    return Err(Fault::new(
                        "auth.mode",
                        format!(
                            "local mode asks for no token and is refused on {listen}, which others can reach: \
                             use jwt, listen on 127.0.0.1, or set auth.allow_insecure=true"
                        ),
                    ));
                }
                Ok(Some(Self::Local))
            }
            (AuthMode::Jwt, Some(verifier)) => Ok(Some(Self::Jwt {
                verifier,
                issuer: raw.issuer,
                audience: raw.audience,
                allow_anonymous: raw.allow_anonymous,
            })),
            (AuthMode::Jwt, None) if program == Program::Executor => Ok(None),
            (AuthMode::Jwt, None) => Err(Fault::new(
                "auth.jwt_secret",
                format!(
                    "needed by {program} with auth.mode=jwt, at least {SHORTEST_SECRET_BYTES} bytes (or auth.jwks_url)"
                ),
            )),
        }
    }
}

fn verifier(
    secret: Option<SecretString>,
    jwks_url: Option<SecretUrl>,
) -> Result<Option<JwtVerifier>, Fault> {
    match (secret, jwks_url) {
        (Some(_), Some(_)) => Err(Fault::new(
            "auth.jwks_url",
            "auth.jwt_secret is set too; use one of them",
        )),
        (Some(secret), None) => {
            let bytes = secret.expose_secret().len();
            if bytes < SHORTEST_SECRET_BYTES {
                return Err(Fault::new(
                    "auth.jwt_secret",
                    format!("expected at least {SHORTEST_SECRET_BYTES} bytes, got {bytes}"),
                ));
            }
            Ok(Some(JwtVerifier::Secret(secret)))
        }
        (None, jwks_url) => Ok(jwks_url.map(JwtVerifier::Jwks)),
    }
}
