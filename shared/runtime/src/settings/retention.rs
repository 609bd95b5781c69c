use super::fault::{Fault, within};
use super::raw::RawRetention;

/// How long data is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Days after which an untouched session is deleted; none: never.
    pub session_days: Option<u32>,
}

impl RetentionSettings {
    pub(super) fn checked(raw: &RawRetention) -> Result<Self, Fault> {
        let session_days = raw
            .session_days
            .map(|days| within("retention.session_days", days, 1..=36_500))
            .transpose()?;
        Ok(Self { session_days })
    }
}
