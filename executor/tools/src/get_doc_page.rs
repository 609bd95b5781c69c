//! `get_doc_page`: one page of the documentation.

use crate::docs::DocIndex;
use async_trait::async_trait;
use copilot_core::ledger::Effect;
use copilot_engine::{Tool, ToolContext, ToolError};
use copilot_responses::{DocPageResponse, ErrorResponse, ToolResponse};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// Read one whole page of this product's documentation, in Markdown. Use it when a snippet of
/// `search_docs` does not answer the question. It reads documentation only, no other files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetDocPageInput {
    /// The page's path as `search_docs` gives it, such as `the-stream.md`. No `..` and no leading
    /// slash.
    #[schemars(length(min = 1, max = 500))]
    pub path: String,
}

/// Reads a page of the documentation.
pub struct GetDocPage {
    docs: Arc<DocIndex>,
}

impl GetDocPage {
    /// Of these pages.
    #[must_use]
    pub const fn new(docs: Arc<DocIndex>) -> Self {
        Self { docs }
    }
}

#[async_trait]
impl Tool for GetDocPage {
    type Input = GetDocPageInput;
    type Output = ToolResponse;

    const NAME: &'static str = "get_doc_page";
    const EFFECT: Effect = Effect::Pure;

    async fn call(
        &self,
        context: &ToolContext,
        input: GetDocPageInput,
    ) -> Result<ToolResponse, ToolError> {
        let session_id = Some(context.session_id.to_string());
        let path = input.path.trim();
        let refused = |error: &str, message: String, session_id| {
            Ok(ErrorResponse {
                message,
                session_id,
                error: Some(error.to_owned()),
                details: None,
            }
            .into())
        };
        if !is_within(path) {
            let message = "A path has no `..`, no backslash and no leading slash.".to_owned();
            return refused("invalid_path", message, session_id);
        }
        let Some(page) = self.docs.page(path) else {
            let message = "There is no such page. Find its path with search_docs.".to_owned();
            return refused("not_found", message, session_id);
        };
        Ok(DocPageResponse {
            message: format!("The page \"{}\".", page.title),
            session_id,
            title: page.title.clone(),
            path: page.path.clone(),
            content: page.content.clone(),
            doc_url: None,
        }
        .into())
    }
}

/// Pages are found in memory, so no path can lead out of them; one that tries is told so.
fn is_within(path: &str) -> bool {
    !path.starts_with('/')
        && !path.contains(['\\', '\0'])
        && path.split('/').all(|part| part != "..")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tokio_util::sync::CancellationToken;
    use uuid::Uuid;

    pub(crate) fn context() -> ToolContext {
        ToolContext {
            session_id: Uuid::from_u128(1).into(),
            user_id: None,
            turn_id: Uuid::from_u128(2).into(),
            call_id: "call".into(),
            cancel: CancellationToken::new(),
        }
    }

    async fn read(path: &str) -> ToolResponse {
        let tool = GetDocPage::new(Arc::new(DocIndex::built_in()));
        tool.call(&context(), GetDocPageInput { path: path.into() })
            .await
            .unwrap()
    }

    fn code(response: ToolResponse) -> Option<String> {
        match response {
            ToolResponse::Error(error) => error.error,
            _ => None,
        }
    }

    #[tokio::test]
    async fn a_page_is_read_whole_with_or_without_its_ending() {
        for path in ["the-stream.md", " the-stream "] {
            let ToolResponse::DocPage(page) = read(path).await else {
                panic!("no page at {path}")
            };
            assert_eq!(
                (page.title.as_str(), page.path.as_str()),
                ("The stream", "the-stream.md")
            );
            assert!(
                page.content.starts_with("# The stream") && page.content.contains("## Cursors")
            );
        }
    }

    #[tokio::test]
    async fn a_path_that_leads_out_is_refused() {
        for path in [
            "../README.md",
            "/etc/passwd",
            "a/../../b.md",
            "..",
            "..\\x",
            "a\0b",
        ] {
            assert_eq!(
                code(read(path).await).as_deref(),
                Some("invalid_path"),
                "{path}"
            );
        }
        assert_eq!(code(read("a..b.md").await).as_deref(), Some("not_found"));
    }
}
