//! `block_list`

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A search for blocks found some.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BlockListResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// What was found, the best first.
    pub blocks: Vec<BlockInfo>,
    /// How many there are.
    pub count: usize,
    /// What was searched for.
    pub query: String,
    /// How to use one.
    #[schemars(default = "usage_hint")]
    pub usage_hint: String,
}

/// A block, as searches show it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BlockInfo {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Its categories.
    #[schemars(default)]
    pub categories: Vec<String>,
    /// What it takes, as a JSON schema.
    #[schemars(default)]
    pub input_schema: Map<String, Value>,
    /// What it gives, as a JSON schema.
    #[schemars(default)]
    pub output_schema: Map<String, Value>,
    /// Whether its output stays for all later runs of a graph.
    #[schemars(default)]
    pub static_output: bool,
    /// What must be given.
    #[schemars(default)]
    pub required_inputs: Vec<BlockInput>,
}

/// An input of a block.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BlockInput {
    /// Its name.
    pub name: String,
    /// Its JSON type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is for.
    pub description: String,
    /// Whether it must be given.
    pub required: bool,
    /// What it is when it is not given; null: nothing.
    pub default: Value,
}

fn usage_hint() -> String {
    "Run a block with run_block: its id as block_id, its inputs as input_data.".to_owned()
}
