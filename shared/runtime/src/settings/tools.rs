use std::path::PathBuf;

use super::fault::{Fault, plain_name};
use super::raw::{RawDocs, RawTools};

/// What the model may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolsSettings {
    /// Names of tools that are not offered.
    pub disabled: Vec<String>,
    /// Names of tools that wait for the user's approval.
    pub require_approval: Vec<String>,
    /// Further folders that `search_docs` looks in.
    pub docs_paths: Vec<PathBuf>,
}

impl ToolsSettings {
    pub(super) fn checked(tools: RawTools, docs: RawDocs) -> Result<Self, Fault> {
        Ok(Self {
            disabled: names("tools.disabled", tools.disabled)?,
            require_approval: names("tools.require_approval", tools.require_approval)?,
            docs_paths: docs.paths,
        })
    }
}

fn names(key: &'static str, names: Vec<String>) -> Result<Vec<String>, Fault> {
    names
        .into_iter()
        .map(|name| plain_name(key, name))
        .collect()
}
