//! `search_docs`: the documentation, by words.

use crate::docs::{DocIndex, Found};
use async_trait::async_trait;
use copilot_core::ledger::Effect;
use copilot_engine::{Tool, ToolContext, ToolError};
use copilot_responses::{
    DocSearchResult, DocSearchResultsResponse, NoResultsResponse, ToolResponse,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// Pages in one answer.
const MOST_PAGES: usize = 5;
/// Titles named when nothing is found: all of ours, and not a library of the operator's.
const MOST_TITLES: usize = 40;

/// Search the documentation of this product. Use it for every question about what the product
/// is, how to use it, its settings, its HTTP API, its streams, errors and tools, before you
/// answer from memory. Do not use it for questions about the world or about the user's own data.
///
/// Returns the best section of at most 5 pages, each with a short snippet and the page's path. If
/// a snippet is not enough, read the page with `get_doc_page`. If nothing is found, try once more
/// with other words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchDocsInput {
    /// A question or a few words, in English, as the documentation would put it. At most 1000
    /// characters.
    #[schemars(length(min = 1, max = 1000))]
    pub query: String,
}

/// Searches the documentation.
pub struct SearchDocs {
    docs: Arc<DocIndex>,
}

impl SearchDocs {
    /// Over these pages.
    #[must_use]
    pub const fn new(docs: Arc<DocIndex>) -> Self {
        Self { docs }
    }
}

#[async_trait]
impl Tool for SearchDocs {
    type Input = SearchDocsInput;
    type Output = ToolResponse;

    const NAME: &'static str = "search_docs";
    const EFFECT: Effect = Effect::Pure;

    async fn call(
        &self,
        context: &ToolContext,
        input: SearchDocsInput,
    ) -> Result<ToolResponse, ToolError> {
        let session_id = Some(context.session_id.to_string());
        let found = self.docs.search(&input.query, MOST_PAGES);
        if found.is_empty() {
            let message = "The documentation has nothing about that.".to_owned();
            let suggestions = suggestions(&self.docs);
            return Ok(NoResultsResponse::new(message, session_id, suggestions).into());
        }
        Ok(DocSearchResultsResponse {
            message: match found.len() {
                1 => "Found 1 page.".to_owned(),
                count => format!("Found {count} pages."),
            },
            session_id,
            count: found.len(),
            results: found.into_iter().map(result).collect(),
            query: input.query,
        }
        .into())
    }
}

fn result(found: Found<'_>) -> DocSearchResult {
    DocSearchResult {
        title: found.page.title.clone(),
        path: found.page.path.clone(),
        section: found.section.to_owned(),
        snippet: found.snippet,
        score: (found.score * 100.0).round() / 100.0,
        doc_url: None,
    }
}

fn suggestions(docs: &DocIndex) -> Vec<String> {
    let titles: Vec<&str> = docs
        .pages()
        .iter()
        .take(MOST_TITLES)
        .map(|page| page.title.as_str())
        .collect();
    vec![
        "Try other or fewer words, in English.".to_owned(),
        format!("These pages exist: {}.", titles.join(", ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::get_doc_page::tests::context;

    async fn search(query: &str) -> ToolResponse {
        let tool = SearchDocs::new(Arc::new(DocIndex::built_in()));
        tool.call(
            &context(),
            SearchDocsInput {
                query: query.into(),
            },
        )
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn what_is_found_has_title_section_snippet_and_score() {
        let ToolResponse::DocSearchResults(response) = search("How do I resume a stream?").await
        else {
            panic!("nothing was found")
        };
        assert_eq!(response.count, response.results.len());
        assert!(response.session_id.is_some());
        let best = &response.results[0];
        assert_eq!(
            (best.title.as_str(), best.path.as_str()),
            ("The stream", "the-stream.md")
        );
        for result in &response.results {
            assert!(!result.snippet.is_empty() && result.snippet.chars().count() <= 200);
            assert!(result.score > 0.0);
        }
    }

    #[tokio::test]
    async fn nothing_found_comes_with_suggestions() {
        let ToolResponse::NoResults(response) = search("quokka").await else {
            panic!("something was found")
        };
        assert_eq!(response.name, "no_results");
        assert!(
            response
                .suggestions
                .iter()
                .any(|suggestion| suggestion.contains("The stream"))
        );
    }
}
