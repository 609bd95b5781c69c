//! A whole response.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

/// Status, headers and body of a response that has ended.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Bytes,
}

impl Answer {
    /// A header as text, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().expect("a header that is text"))
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("a body that is UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {} {}", self.status, self.text()))
    }

    /// `Retry-After` in seconds.
    pub fn retry_after(&self) -> Option<u64> {
        let seconds = self.header("retry-after")?;
        Some(seconds.parse().expect("retry-after in seconds"))
    }

    /// The error body, with all that the contract asks of it checked.
    pub fn problem(&self) -> Problem {
        assert_eq!(
            self.header("content-type")
                .map(|kind| kind.split(';').next().unwrap_or_default()),
            Some("application/problem+json"),
            "{} {}",
            self.status,
            self.text()
        );
        let problem: Problem = serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no problem body ({error}): {}", self.text()));
        assert_eq!(problem.status, self.status.as_u16(), "{}", self.text());
        assert_eq!(
            Some(problem.request_id.as_str()),
            self.header("x-request-id"),
            "the body names another request than the header"
        );
        problem
    }
}

/// The body of every error.
#[derive(Clone, Debug, Deserialize)]
pub struct Problem {
    /// A URI of the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// What programs read.
    pub code: String,
    /// What happened this time.
    pub detail: String,
    /// The fields that are wrong.
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// The same as in `x-request-id`.
    pub request_id: String,
    /// What this code has beside that, such as `turn_id`.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

impl Problem {
    /// The names of the wrong fields.
    pub fn fields(&self) -> Vec<&str> {
        self.errors
            .iter()
            .map(|error| error.field.as_str())
            .collect()
    }
}

/// One wrong field.
#[derive(Clone, Debug, Deserialize)]
pub struct FieldError {
    /// Its name.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}
