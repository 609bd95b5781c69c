//! All tools, in the order in which models are told of them. Only add at the end: a changed
//! front of the prompt costs every conversation its provider's cache.

use crate::{docs::DocIndex, get_doc_page::GetDocPage, search_docs::SearchDocs};
use copilot_engine::{DynTool, Registry, Tool, erase, registry::RegistryError};
use copilot_responses::ToolResponse;
use std::sync::Arc;

/// What the tools stand on.
#[derive(Clone)]
pub struct ToolDeps {
    /// The documentation.
    pub docs: Arc<DocIndex>,
}

/// The tools of this process, without those named in `disabled`.
pub fn catalogue(deps: &ToolDeps, disabled: &[String]) -> Result<Registry, RegistryError> {
    Registry::new(
        [
            offered(SearchDocs::new(Arc::clone(&deps.docs))),
            offered(GetDocPage::new(Arc::clone(&deps.docs))),
        ],
        disabled,
    )
}

/// Only what is published can be sent: a tool that returns anything but the union does not build.
fn offered<T: Tool<Output = ToolResponse>>(tool: T) -> Arc<dyn DynTool> {
    erase(tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(disabled: &[&str]) -> Vec<String> {
        let deps = ToolDeps {
            docs: Arc::new(DocIndex::built_in()),
        };
        let disabled: Vec<String> = disabled.iter().map(ToString::to_string).collect();
        catalogue(&deps, &disabled)
            .unwrap()
            .specs()
            .iter()
            .map(|spec| spec.name.clone())
            .collect()
    }

    #[test]
    fn tools_are_offered_in_a_fixed_order_unless_disabled() {
        assert_eq!(names(&[]), ["search_docs", "get_doc_page"]);
        assert_eq!(names(&["search_docs"]), ["get_doc_page"]);
    }

    #[test]
    fn models_are_told_what_when_and_how() {
        let deps = ToolDeps {
            docs: Arc::new(DocIndex::built_in()),
        };
        for spec in catalogue(&deps, &[]).unwrap().specs().iter() {
            assert!(spec.description.len() > 80, "{}", spec.name);
            assert_eq!(spec.schema["type"], "object");
            for (name, parameter) in spec.schema["properties"].as_object().unwrap() {
                assert!(parameter["description"].is_string(), "{}.{name}", spec.name);
            }
        }
    }
}
