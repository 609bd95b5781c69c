//! `block_output`

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A block ran.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BlockOutputResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// Its id.
    pub block_id: String,
    /// Its name.
    pub block_name: String,
    /// What it gave, by the name of the output.
    pub outputs: BTreeMap<String, Vec<Value>>,
    /// Whether it did what was asked.
    #[schemars(default = "yes")]
    pub success: bool,
}

const fn yes() -> bool {
    true
}
