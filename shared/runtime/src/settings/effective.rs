use config::{Value, ValueKind};

use super::origin::Origin;
use super::redact::{HIDDEN, origin_only, redact_url};

/// One line of the `config` subcommand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveSetting {
    /// `section.key`.
    pub key: &'static str,
    /// The value as text, secrets hidden; none: not set.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

/// A value as it may be shown.
pub(super) fn shown(key: &str, value: &ValueKind) -> String {
    match (key, value) {
        ("auth.jwt_secret" | "llm.api_key" | "credentials.keys" | "sandbox.e2b_api_key", _) => {
            HIDDEN.to_owned()
        }
        ("llm.headers", ValueKind::Table(table)) => {
            let mut names: Vec<_> = table
                .keys()
                .map(|name| format!("{name}={HIDDEN}"))
                .collect();
            names.sort();
            names.join(", ")
        }
        ("llm.headers", ValueKind::Array(items)) => list(items, header),
        ("llm.headers", ValueKind::String(text)) => {
            let headers: Vec<_> = text.split(',').map(header).collect();
            headers.join(", ")
        }
        ("tracking.url", ValueKind::String(text)) => origin_only(text),
        (_, ValueKind::String(text)) => plain(key, text),
        (_, ValueKind::Array(items)) => list(items, |item| plain(key, item)),
        (_, ValueKind::Table(table)) => {
            let pairs = table
                .iter()
                .map(|(name, item)| format!("{name}={}", plain(key, &item.to_string())));
            let mut pairs: Vec<_> = pairs.collect();
            pairs.sort();
            pairs.join(", ")
        }
        (_, other) => other.to_string(),
    }
}

fn list(items: &[Value], show: impl Fn(&str) -> String) -> String {
    let items: Vec<_> = items.iter().map(|item| show(&item.to_string())).collect();
    items.join(", ")
}

fn plain(key: &str, text: &str) -> String {
    if text.contains("://") || key.ends_with("url") {
        redact_url(text)
    } else {
        text.to_owned()
    }
}

fn header(text: &str) -> String {
    match text.split_once('=') {
        Some((name, _)) => format!("{}={HIDDEN}", name.trim()),
        None => HIDDEN.to_owned(),
    }
}
