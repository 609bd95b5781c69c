//! What several unit tests need.

use crate::error::ApiError;
use futures::FutureExt;
use poem::IntoResponse;
use serde_json::Value;

/// The body of an error.
pub(crate) fn problem_of(error: ApiError) -> Value {
    let body = error.into_response().into_body().into_bytes();
    let body = body.now_or_never().unwrap().unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// The fields that an error names.
pub(crate) fn wrong_fields(error: ApiError) -> Vec<String> {
    let problem = problem_of(error);
    let errors = problem["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["field"].as_str().unwrap().to_owned())
        .collect()
}
