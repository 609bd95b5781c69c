//! How a single value is read: from TOML with its type, from the environment always as text.
//!
//! Nothing guesses types from text (`try_parsing` of the `config` crate would make the secret `0012` a 12);
//! each field knows what it wants and accepts both forms.

use std::path::PathBuf;
use std::time::Duration;

use config::{Value, ValueKind};
use secrecy::SecretString;
use serde::de::{Deserialize, Deserializer, Error};
use url::Url;

/// Instants plus a duration must not overflow; nobody waits for ten years.
const LONGEST_SECONDS: f64 = 315_360_000.0;

pub(super) trait FromValue: Sized {
    /// The value, or what was expected and found; secrets are not shown.
    fn from_value(value: &ValueKind) -> Result<Self, String>;
}

/// What is written as one piece of text.
pub(super) trait FromText: Sized {
    fn from_text(text: &str) -> Result<Self, String>;
}

/// For `#[serde(deserialize_with)]`.
pub(super) fn given<'de, D: Deserializer<'de>, T: FromValue>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    T::from_value(&value.kind).map_err(D::Error::custom)
}

/// The end of most messages.
pub(super) fn got(value: &ValueKind) -> String {
    match value {
        ValueKind::Nil => "got nothing".to_owned(),
        ValueKind::String(text) => format!("got {text:?}"),
        ValueKind::Array(_) => "got a list".to_owned(),
        ValueKind::Table(_) => "got a table".to_owned(),
        other => format!("got {other}"),
    }
}

/// One of a few words.
pub(super) fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("expected one of {}, got {text:?}", words.join(", "))
    })
}

impl<T: FromText> FromValue for T {
    fn from_value(value: &ValueKind) -> Result<Self, String> {
        match value {
            ValueKind::String(text) => T::from_text(text),
            ValueKind::Nil => T::from_text(""),
            // The value is not shown: it may be a secret that lost its quotes.
            _ => Err("expected text in quotes".to_owned()),
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &ValueKind) -> Result<Self, String> {
        match value {
            ValueKind::Nil => Ok(None),
            ValueKind::String(text) if text.trim().is_empty() => Ok(None),
            _ => T::from_value(value).map(Some),
        }
    }
}

impl<T: FromText> FromValue for Vec<T> {
    fn from_value(value: &ValueKind) -> Result<Self, String> {
        match value {
            ValueKind::Nil => Ok(Self::new()),
            ValueKind::String(text) => split(text).map(T::from_text).collect(),
            ValueKind::Array(items) => items.iter().map(|item| T::from_value(&item.kind)).collect(),
            _ => Err("expected a list".to_owned()),
        }
    }
}

/// A list in one text: commas, or lines in a secret file.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n'])
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

macro_rules! whole_number {
    ($($type:ty),*) => {$(
        impl FromValue for $type {
            fn from_value(value: &ValueKind) -> Result<Self, String> {
                let number = match value {
                    ValueKind::I64(number) => Self::try_from(*number).ok(),
                    ValueKind::U64(number) => Self::try_from(*number).ok(),
                    ValueKind::String(text) => text.trim().parse().ok(),
                    _ => None,
                };
                number.ok_or_else(|| format!("expected a whole number, {}", got(value)))
            }
        }
    )*};
}
whole_number!(u32, u64, usize);

impl FromValue for f64 {
    fn from_value(value: &ValueKind) -> Result<Self, String> {
        let number = match value {
            ValueKind::Float(number) => Some(*number),
            ValueKind::I64(number) => number.to_string().parse().ok(),
            ValueKind::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .filter(|number: &Self| number.is_finite())
            .ok_or_else(|| format!("expected a number, {}", got(value)))
    }
}

impl FromValue for Duration {
    fn from_value(value: &ValueKind) -> Result<Self, String> {
        let problem = || {
            format!(
                "expected seconds from 0 to {LONGEST_SECONDS}, {}",
                got(value)
            )
        };
        let seconds = f64::from_value(value).map_err(|_| problem())?;
        if seconds > LONGEST_SECONDS {
            return Err(problem());
        }
        Self::try_from_secs_f64(seconds).map_err(|_| problem())
    }
}

impl FromValue for bool {
    fn from_value(value: &ValueKind) -> Result<Self, String> {
        let word = match value {
            ValueKind::Boolean(flag) => return Ok(*flag),
            ValueKind::String(text) => text.trim().to_lowercase(),
            _ => String::new(),
        };
        match word.as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(format!("expected true or false, {}", got(value))),
        }
    }
}

impl FromText for String {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.trim().to_owned())
    }
}

impl FromText for SecretString {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }
}

impl FromText for PathBuf {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a path, got nothing".to_owned());
        }
        Ok(text.into())
    }
}

impl FromText for std::net::SocketAddr {
    fn from_text(text: &str) -> Result<Self, String> {
        let parsed = text.trim().parse();
        parsed.map_err(|_| {
            format!("expected an address and a port like 127.0.0.1:8006, got {text:?}")
        })
    }
}

impl FromText for Url {
    fn from_text(text: &str) -> Result<Self, String> {
        let url = Self::parse(text.trim());
        url.map_err(|error| format!("expected a URL, got {text:?} ({error})"))
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use secrecy::ExposeSecret as _;

    fn text(text: &str) -> ValueKind {
        ValueKind::String(text.to_owned())
    }

    #[test]
    fn numbers_and_flags_are_read_from_both_forms() {
        assert_eq!(u32::from_value(&text("12")), Ok(12));
        assert_eq!(u32::from_value(&ValueKind::I64(12)), Ok(12));
        assert_eq!(bool::from_value(&text("TRUE")), Ok(true));
        assert_eq!(bool::from_value(&ValueKind::Boolean(false)), Ok(false));
        assert_eq!(
            Duration::from_value(&text("0.5")),
            Ok(Duration::from_millis(500))
        );
        assert_eq!(
            Duration::from_value(&ValueKind::I64(2)),
            Ok(Duration::from_secs(2))
        );
    }

    #[test]
    fn impossible_numbers_are_refused() {
        assert!(u32::from_value(&ValueKind::I64(-1)).is_err());
        assert!(u32::from_value(&text("1.5")).is_err());
        for seconds in ["-1", "NaN", "inf", "1e300", "soon"] {
            assert!(Duration::from_value(&text(seconds)).is_err(), "{seconds}");
        }
    }

    #[test]
    fn a_secret_that_looks_like_a_number_stays_as_it_is() {
        let secret = SecretString::from_value(&text("0012")).unwrap();
        assert_eq!(secret.expose_secret(), "0012");
        let problem = SecretString::from_value(&ValueKind::I64(987_654)).unwrap_err();
        assert!(!problem.contains("987"), "{problem}");
    }

    #[test]
    fn a_list_is_split_at_commas_and_blanks_are_dropped() {
        let list = Vec::<String>::from_value(&text(" a, b,,c ")).unwrap();
        assert_eq!(list, ["a", "b", "c"]);
        assert_eq!(Vec::<String>::from_value(&text("")), Ok(vec![]));
    }
}
