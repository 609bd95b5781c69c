//! `doc_page`

use schemars::JsonSchema;
use serde::Serialize;

/// A page of the documentation.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DocPageResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// Its title.
    pub title: String,
    /// Its path.
    pub path: String,
    /// The whole page, in Markdown.
    pub content: String,
    /// Where it can be read on the web.
    pub doc_url: Option<String>,
}
