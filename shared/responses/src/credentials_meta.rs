//! A credential, without its secret.

use schemars::JsonSchema;
use serde::Serialize;

/// A credential that is needed or stored; never its secret.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CredentialsMeta {
    /// Its id.
    pub id: String,
    /// What the user calls it.
    pub title: Option<String>,
    /// Whose service it opens.
    pub provider: String,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: CredentialsType,
}

/// The kind of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialsType {
    /// One key.
    ApiKey,
    /// A grant that the user gave to us.
    #[serde(rename = "oauth2")]
    OAuth2,
    /// A name and a password.
    UserPassword,
    /// Headers for one host.
    HostScoped,
}
