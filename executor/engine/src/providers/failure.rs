//! What a failed call means: from status, headers and the words of the body.

use crate::provider_error::{ProviderError, ProviderErrorKind};
use chrono::DateTime;
use futures::StreamExt as _;
use reqwest::{
    Response, StatusCode,
    header::{DATE, HeaderMap, RETRY_AFTER},
};
use serde_json::Value;
use std::time::Duration;

/// The most bytes of an error's body that are read.
const LONGEST_BODY: usize = 16 << 10;

/// What servers call a conversation that does not fit.
const TOO_LONG: [&str; 8] = [
    "context_length_exceeded",
    "maximum context length",
    "context window",
    "context size",
    "context length",
    "prompt is too long",
    "too many tokens",
    "input is too long",
];

/// The connection did not come about.
pub(super) fn of_connection(error: &reqwest::Error) -> ProviderError {
    let what = if error.is_timeout() {
        "connecting took too long"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the request was not answered"
    };
    ProviderError {
        said: Some(chain(error)),
        ..ProviderError::new(ProviderErrorKind::Unavailable { retry_after: None }, what)
    }
}

/// The connection broke while the reply came.
pub(super) fn of_body(error: &reqwest::Error) -> ProviderError {
    ProviderError {
        said: Some(chain(error)),
        ..ProviderError::broken("the connection broke")
    }
}

/// The server refused.
pub(super) async fn of_response(response: Response) -> ProviderError {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let body = body(response).await;
    let said = Words::of(&serde_json::from_str(&body).unwrap_or(Value::String(body)));
    let kind = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ProviderErrorKind::Auth,
        StatusCode::TOO_MANY_REQUESTS => ProviderErrorKind::RateLimited { retry_after },
        StatusCode::PAYLOAD_TOO_LARGE => ProviderErrorKind::ContextTooLong,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
            ProviderErrorKind::Unavailable { retry_after }
        }
        _ if status.is_server_error() => ProviderErrorKind::Unavailable { retry_after },
        _ if said.tell_of_length() => ProviderErrorKind::ContextTooLong,
        _ => ProviderErrorKind::Refused,
    };
    said.into_error(kind, &format!("HTTP {}", status.as_u16()))
}

/// An error that came as an event of a stream that had begun well.
pub(super) fn of_event(error: &Value) -> ProviderError {
    let said = Words::of(error);
    let is = |words: &[&str]| words.iter().any(|word| said.code.contains(word));
    let kind = if said.tell_of_length() {
        ProviderErrorKind::ContextTooLong
    } else if is(&["rate_limit", "429"]) {
        ProviderErrorKind::RateLimited { retry_after: None }
    } else if is(&["overloaded", "api_error", "timeout_error", "503", "529"]) {
        ProviderErrorKind::Unavailable { retry_after: None }
    } else if is(&["api_key", "authentication", "permission", "401", "403"]) {
        ProviderErrorKind::Auth
    } else if is(&["invalid_request", "400"]) {
        ProviderErrorKind::Refused
    } else {
        ProviderErrorKind::Broken
    };
    said.into_error(kind, "an error in the stream")
}

/// What an error's body says.
struct Words {
    /// `type` and `code`: short names of a closed kind, fit for the log.
    code: String,
    message: String,
}

impl Words {
    fn of(body: &Value) -> Self {
        let error = body.get("error").unwrap_or(body);
        let names = [error.get("type"), error.get("code")].into_iter().flatten();
        let names: Vec<String> = names.filter_map(name).collect();
        let message = match error {
            Value::String(message) => message.as_str(),
            error => error
                .get("message")
                .or_else(|| error.get("detail"))
                .and_then(Value::as_str)
                .unwrap_or_default(),
        };
        Self {
            code: names.join(" "),
            message: message.chars().take(300).collect(),
        }
    }

    fn tell_of_length(&self) -> bool {
        let message = self.message.to_ascii_lowercase();
        TOO_LONG
            .iter()
            .any(|words| self.code.contains(words) || message.contains(words))
    }

    fn into_error(self, kind: ProviderErrorKind, what: &str) -> ProviderError {
        let summary = if self.code.is_empty() {
            what.to_owned()
        } else {
            format!("{what}, {}", self.code)
        };
        let said = (!self.message.is_empty()).then_some(self.message);
        ProviderError {
            kind,
            summary,
            said,
        }
    }
}

/// A short plain name, nothing that could be a text.
fn name(value: &Value) -> Option<String> {
    let name = match value {
        Value::String(name) => name.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    (name.len() <= 64 && name.chars().all(is_plain)).then(|| name.to_ascii_lowercase())
}

async fn body(response: Response) -> String {
    let mut stream = response.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(Ok(piece)) = stream.next().await {
        bytes.extend_from_slice(&piece);
        if bytes.len() >= LONGEST_BODY {
            break;
        }
    }
    bytes.truncate(LONGEST_BODY);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `Retry-After` in seconds or as a date, or its finer form in milliseconds. A date is compared
/// with the server's own, so that no clock of ours matters.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    if let Some(millis) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(millis / 1000.0).ok();
    }
    let asked = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = asked.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = DateTime::parse_from_rfc2822(asked).ok()?;
    let now = DateTime::parse_from_rfc2822(text(DATE.as_str())?).ok()?;
    Some((at - now).to_std().unwrap_or_default())
}

/// An error with its causes; the innermost says most.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn of(pairs: &[(&'static str, &'static str)]) -> Option<Duration> {
        let headers = pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect();
        retry_after(&headers)
    }

    #[test]
    fn retry_after_comes_in_seconds_in_milliseconds_or_as_a_date() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(
            of(&[("retry-after", "1.5")]),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(
            of(&[("retry-after", "9"), ("retry-after-ms", "250")]),
            Some(Duration::from_millis(250))
        );
        assert_eq!(of(&[("retry-after", "-1")]), None);
        assert_eq!(of(&[("retry-after", "soon")]), None);
        assert_eq!(
            of(&[
                ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
                ("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT"),
            ]),
            Some(Duration::from_secs(30))
        );
    }
}
