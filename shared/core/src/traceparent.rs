//! The caller's trace, as W3C Trace Context writes it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// `version-trace_id-parent_id-flags`.
const LENGTH: usize = 55;
/// Versions to come may be longer; nothing is to be gained from endless ones.
const LONGEST: usize = 128;

/// A valid `traceparent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Traceparent(String);

/// It is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct NoTraceparent;

impl Traceparent {
    /// The id of the whole trace: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Traceparent {
    type Error = NoTraceparent;

    fn try_from(text: String) -> Result<Self, NoTraceparent> {
        if is_valid(&text) {
            Ok(Self(text))
        } else {
            Err(NoTraceparent)
        }
    }
}

impl From<Traceparent> for String {
    fn from(traceparent: Traceparent) -> Self {
        traceparent.0
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_valid(text: &str) -> bool {
    let (Some(known), Some(rest)) = (text.get(..LENGTH), text.get(LENGTH..)) else {
        return false;
    };
    let mut fields = known.split('-');
    let (Some(version), Some(trace), Some(parent), Some(flags), None) = (
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
    ) else {
        return false;
    };
    let is_hex = |field: &str, length| {
        field.len() == length
            && field
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_set = |field: &str| field.bytes().any(|byte| byte != b'0');
    let ends_well = match version {
        "00" => rest.is_empty(),
        "ff" => false,
        _ => {
            text.len() <= LONGEST
                && (rest.is_empty()
                    || rest.starts_with('-') && rest.bytes().all(|b| b.is_ascii_graphic()))
        }
    };
    ends_well
        && is_hex(version, 2)
        && is_hex(trace, 32)
        && is_set(trace)
        && is_hex(parent, 16)
        && is_set(parent)
        && is_hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_one_is_kept_and_names_its_trace() {
        let traceparent = Traceparent::try_from(GOOD.to_owned()).unwrap();
        assert_eq!(traceparent.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(traceparent.as_str(), GOOD);
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        let later = GOOD.replacen("00", "01", 1);
        for (text, expected) in [
            (GOOD.to_owned(), true),
            (later.clone(), true),
            (format!("{later}-more"), true),
            (format!("{later}more"), false),
            (format!("{later}-{}", "x".repeat(100)), false),
            (format!("{GOOD}-more"), false),
            (GOOD.replacen("00", "ff", 1), false),
            (GOOD.to_uppercase(), false),
            (
                GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
                false,
            ),
            (GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)), false),
            (GOOD.replace('-', "_"), false),
            (GOOD.replacen('4', "é", 1), false),
            (String::new(), false),
        ] {
            assert_eq!(
                Traceparent::try_from(text.clone()).is_ok(),
                expected,
                "{text}"
            );
        }
    }
}
