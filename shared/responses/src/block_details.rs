//! `block_details`

use crate::credentials_meta::CredentialsMeta;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// What a block needs: it was to run without its required inputs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BlockDetailsResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// The block.
    pub block: BlockDetails,
    /// Whether the user is signed in.
    #[schemars(default)]
    pub user_authenticated: bool,
}

/// A block with what it needs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BlockDetails {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// What it takes, as a JSON schema.
    #[schemars(default)]
    pub inputs: Map<String, Value>,
    /// What it gives, as a JSON schema.
    #[schemars(default)]
    pub outputs: Map<String, Value>,
    /// The credentials that it needs.
    #[schemars(default)]
    pub credentials: Vec<CredentialsMeta>,
}
