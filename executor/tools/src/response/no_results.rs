use schemars::JsonSchema;
use serde::Serialize;

/// A search found nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NoResultsResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// What to try instead.
    pub suggestions: Vec<String>,
    /// Always `no_results`.
    pub name: &'static str,
}

impl NoResultsResponse {
    /// Nothing was found, but `suggestions` may help.
    #[must_use]
    pub const fn new(
        message: String,
        session_id: Option<String>,
        suggestions: Vec<String>,
    ) -> Self {
        Self {
            message,
            session_id,
            suggestions,
            name: "no_results",
        }
    }
}
