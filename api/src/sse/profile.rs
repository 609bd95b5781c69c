//! Which version of the `ai` package a stream is written for.

use crate::error::ApiError;

/// The AI SDK version that a stream is written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Only what 5.0.0 knows.
    #[default]
    V5,
    /// 6.
    V6,
    /// 7.
    V7,
}

impl Profile {
    /// The profile of a request: its query, else its header, else the configured one.
    pub(crate) fn chosen(
        query: Option<&str>,
        header: Option<&str>,
        configured: Self,
    ) -> Result<Self, ApiError> {
        let named = |field: &str, name: &str| {
            Self::named(name).ok_or_else(|| ApiError::invalid(field, "must be one of v5, v6, v7"))
        };
        match (query, header) {
            (Some(name), _) => named("profile", name),
            (None, Some(name)) => named("x-stream-profile", name),
            (None, None) => Ok(configured),
        }
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "v5" => Some(Self::V5),
            "v6" => Some(Self::V6),
            "v7" => Some(Self::V7),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_before_header_before_setting_and_unknown_names_are_refused() {
        let chosen = |query, header| Profile::chosen(query, header, Profile::V5).ok();
        assert_eq!(chosen(None, None), Some(Profile::V5));
        assert_eq!(chosen(None, Some("v6")), Some(Profile::V6));
        assert_eq!(chosen(Some("v7"), Some("v6")), Some(Profile::V7));
        assert_eq!(chosen(Some("v8"), Some("v6")), None);
        assert_eq!(chosen(None, Some("")), None);
    }
}
