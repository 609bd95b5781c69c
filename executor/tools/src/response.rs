//! What tools return: the same types give the model its result, the wire its `output`, and the
//! documentation its schema. Each is one object with `type`, `message` and `session_id`, and has
//! its nulls present.

mod doc_page;
mod doc_search_results;
mod error;
mod no_results;

pub use doc_page::DocPageResponse;
pub use doc_search_results::{DocSearchResult, DocSearchResultsResponse};
pub use error::ErrorResponse;
pub use no_results::NoResultsResponse;

use schemars::JsonSchema;
use serde::Serialize;

/// The union of all results that the tools of this build can send.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type")]
pub enum ToolResponse {
    /// A search found nothing.
    #[serde(rename = "no_results")]
    NoResults(NoResultsResponse),
    /// A tool could not do what was asked.
    #[serde(rename = "error")]
    Error(ErrorResponse),
    /// A search in the documentation found something.
    #[serde(rename = "doc_search_results")]
    DocSearchResults(DocSearchResultsResponse),
    /// A page of the documentation.
    #[serde(rename = "doc_page")]
    DocPage(DocPageResponse),
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_result_has_exactly_its_fields_nulls_present() {
        let message = || "m".to_owned();
        for (response, expected) in [
            (
                ToolResponse::NoResults(NoResultsResponse::new(message(), None, vec!["s".into()])),
                json!({"type": "no_results", "message": "m", "session_id": null,
                    "suggestions": ["s"], "name": "no_results"}),
            ),
            (
                ToolResponse::Error(ErrorResponse {
                    message: message(),
                    session_id: Some("i".into()),
                    error: None,
                    details: None,
                }),
                json!({"type": "error", "message": "m", "session_id": "i", "error": null, "details": null}),
            ),
            (
                ToolResponse::DocSearchResults(DocSearchResultsResponse {
                    message: message(),
                    session_id: None,
                    results: vec![DocSearchResult {
                        title: "t".into(),
                        path: "p".into(),
                        section: "s".into(),
                        snippet: "x".into(),
                        score: 1.5,
                        doc_url: None,
                    }],
                    count: 1,
                    query: "q".into(),
                }),
                json!({"type": "doc_search_results", "message": "m", "session_id": null, "count": 1, "query": "q",
                    "results": [{"title": "t", "path": "p", "section": "s", "snippet": "x", "score": 1.5,
                        "doc_url": null}]}),
            ),
            (
                ToolResponse::DocPage(DocPageResponse {
                    message: message(),
                    session_id: None,
                    title: "t".into(),
                    path: "p".into(),
                    content: "c".into(),
                    doc_url: None,
                }),
                json!({"type": "doc_page", "message": "m", "session_id": null, "title": "t", "path": "p",
                    "content": "c", "doc_url": null}),
            ),
        ] {
            assert_eq!(serde_json::to_value(response).unwrap(), expected);
        }
    }
}
