//! `no_results`

use schemars::JsonSchema;
use serde::Serialize;

/// A search found nothing.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct NoResultsResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// What to try instead.
    #[schemars(default)]
    pub suggestions: Vec<String>,
    /// Always `no_results`.
    #[schemars(default = "name")]
    pub name: String,
}

impl NoResultsResponse {
    /// Nothing was found, but `suggestions` may help.
    #[must_use]
    pub fn new(message: String, session_id: Option<String>, suggestions: Vec<String>) -> Self {
        Self {
            message,
            session_id,
            suggestions,
            name: name(),
        }
    }
}

fn name() -> String {
    "no_results".to_owned()
}
