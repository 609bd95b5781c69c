use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

/// What a section's check found; `SettingsDraft` adds where the value came from.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) key: &'static str,
    pub(super) problem: String,
}

impl Fault {
    pub(super) fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self {
            key,
            problem: problem.into(),
        }
    }
}

pub(super) fn within<T: PartialOrd + Display>(
    key: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<T, Fault> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (low, high) = range.into_inner();
    Err(Fault::new(
        key,
        format!("expected {low} to {high}, got {value}"),
    ))
}

pub(super) fn positive(key: &'static str, value: Duration) -> Result<Duration, Fault> {
    if value.is_zero() {
        return Err(Fault::new(key, "expected more than 0 seconds, got 0"));
    }
    Ok(value)
}

/// Names that end up in keys, queues, tool lists: no separators, no surprises.
pub(super) fn plain_name(key: &'static str, name: String) -> Result<String, Fault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=64).contains(&name.len()) && name.chars().all(plain) {
        return Ok(name);
    }
    Err(Fault::new(
        key,
        format!("expected 1 to 64 letters, digits, dots, dashes or underscores, got {name:?}"),
    ))
}
