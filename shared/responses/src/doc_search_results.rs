//! `doc_search_results`

use schemars::JsonSchema;
use serde::Serialize;

/// A search in the documentation found something.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DocSearchResultsResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// The best section of each page, the best page first.
    pub results: Vec<DocSearchResult>,
    /// How many there are.
    pub count: usize,
    /// What was searched for.
    pub query: String,
}

/// The best section of a page.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DocSearchResult {
    /// The page's title.
    pub title: String,
    /// The page, as `get_doc_page` takes it.
    pub path: String,
    /// The section's heading.
    pub section: String,
    /// The part of the section that fits best.
    pub snippet: String,
    /// How well it fits; comparable within one search only.
    pub score: f64,
    /// Where the page can be read on the web.
    pub doc_url: Option<String>,
}
