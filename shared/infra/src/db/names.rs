//! Numbers and names between Rust and the database.

use super::failure::Failure;
use chrono::DateTime;
use copilot_core::clock::Timestamp;
use serde::{
    de::{DeserializeOwned, IntoDeserializer},
    ser::Serialize,
};
use std::time::Duration;

/// Milliseconds of a length of time.
pub(super) fn millis(time: Duration) -> i64 {
    // A hundred thousand years stay far from overflow when the clock is added.
    const LONGEST: i64 = 3_155_760_000_000_000;
    i64::try_from(time.as_millis()).map_or(LONGEST, |millis| millis.min(LONGEST))
}

/// An instant from its column.
pub(super) fn instant(millis: i64) -> Result<Timestamp, Failure> {
    DateTime::from_timestamp_millis(millis)
        .ok_or_else(|| Failure::Data(format!("no instant: {millis}")))
}

/// An instant that may be missing.
pub(super) fn maybe_instant(millis: Option<i64>) -> Result<Option<Timestamp>, Failure> {
    millis.map(instant).transpose()
}

/// A number from its column.
pub(super) fn number<T: TryFrom<i64>>(column: i64) -> Result<T, Failure> {
    T::try_from(column).map_err(|_| Failure::Data(format!("number out of range: {column}")))
}

/// A column for a number.
pub(super) fn column<T: TryInto<i64>>(number: T) -> Result<i64, Failure> {
    number
        .try_into()
        .map_err(|_| Failure::Data("number too large for its column".to_owned()))
}

/// The variant of an enum that is stored by its serde name.
pub(super) fn named<T: DeserializeOwned>(name: &str) -> Result<T, Failure> {
    let deserializer: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        name.into_deserializer();
    Ok(T::deserialize(deserializer)?)
}

/// JSON from its column.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    Ok(serde_json::from_str(text)?)
}

/// A column for JSON.
pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, Failure> {
    Ok(serde_json::to_string(value)?)
}
