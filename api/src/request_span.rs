//! The names that every line of a request carries in the log.

use copilot_core::{id::SessionId, traceparent::Traceparent};
use poem::{Request, http::HeaderMap};
use tracing::{Span, field};
use uuid::Uuid;

const TRACEPARENT: &str = "traceparent";
/// Longest path that is shown.
const PATH_CHARS: usize = 200;
/// What stands behind `/api/chat/` and is no chat's own id.
const WORDS: [&str; 5] = ["sessions", "config", "health", "schema", "workspace"];

/// The span of a request. Its user is recorded once known; ids in the path are shown as ids only,
/// since one may be a key.
pub(crate) fn request_span(
    request: &Request,
    request_id: &str,
    trace: Option<&Traceparent>,
) -> Span {
    let path = request.uri().path();
    let span = tracing::error_span!(
        "request",
        request_id,
        trace_id = trace.map(Traceparent::trace_id),
        method = %request.method(),
        path = shown(path),
        session_id = field::Empty,
        turn_id = field::Empty,
        user_id = field::Empty,
        client = field::Empty,
    );
    if let Some(session) = id_after(path, "sessions") {
        span.record("session_id", SessionId::from(session).tag());
    }
    if let Some(turn) = id_after(path, "turns") {
        span.record("turn_id", field::display(turn));
    }
    span
}

/// The caller's trace, if there is one and it is well formed.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<Traceparent> {
    let mut sent = headers.get_all(TRACEPARENT).iter();
    let (Some(only), None) = (sent.next(), sent.next()) else {
        return None;
    };
    Traceparent::try_from(only.to_str().ok()?.to_owned()).ok()
}

fn id_after(path: &str, word: &str) -> Option<Uuid> {
    let mut segments = path.split('/');
    segments.find(|segment| *segment == word)?;
    segments.next()?.parse().ok()
}

fn shown(path: &str) -> String {
    let mut before = ("", "");
    let mut shown = String::new();
    for (nth, segment) in path.split('/').enumerate() {
        let is_chat_id =
            before == ("api", "chat") && !segment.is_empty() && !WORDS.contains(&segment);
        if nth > 0 {
            shown.push('/');
        }
        if is_chat_id || segment.parse::<Uuid>().is_ok() {
            shown.push_str(":id");
        } else {
            shown.push_str(segment);
        }
        before = (before.1, segment);
    }
    match shown.char_indices().nth(PATH_CHARS) {
        Some((end, _)) => {
            shown.truncate(end);
            shown
        }
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::http::HeaderValue;

    #[test]
    fn a_path_is_shown_without_the_ids_in_it() {
        let id = "9f1c2d3e-4a5b-4c6d-8e7f-001122334455";
        for (path, expected) in [
            (
                format!("/api/chat/sessions/{id}/turns/{id}"),
                "/api/chat/sessions/:id/turns/:id",
            ),
            (
                "/copilot/api/chat/my-chat/stream".into(),
                "/copilot/api/chat/:id/stream",
            ),
            ("/api/chat".into(), "/api/chat"),
            ("/api/chat/".into(), "/api/chat/"),
            ("/api/chat/config/ttl".into(), "/api/chat/config/ttl"),
            ("/".into(), "/"),
        ] {
            assert_eq!(shown(&path), expected);
        }
        assert_eq!(shown(&"/é".repeat(1000)).chars().count(), PATH_CHARS);
    }

    #[test]
    fn the_ids_of_a_path_are_found_by_the_word_before_them() {
        let (session, turn) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let path = format!("/api/chat/sessions/{session}/turns/{turn}/stream");
        assert_eq!(id_after(&path, "sessions"), Some(session));
        assert_eq!(id_after(&path, "turns"), Some(turn));
        assert_eq!(id_after("/api/chat/sessions/x/turns", "turns"), None);
    }

    #[test]
    fn one_well_formed_traceparent_is_kept_and_nothing_else() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
            }
            traceparent(&headers).map(String::from)
        };
        assert_eq!(of(&[good]).as_deref(), Some(good));
        assert_eq!(of(&[good, good]), None);
        assert_eq!(of(&["00-0-0-0"]), None);
        assert_eq!(of(&[]), None);
    }
}
