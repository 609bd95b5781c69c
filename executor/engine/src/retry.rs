//! Whether and when a failed model call is made again. Asked only before the first visible chunk.

use crate::provider_error::ProviderErrorKind;
use std::time::Duration;

/// The rules of retrying one model.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// How often a call is made again.
    pub max_retries: u32,
    /// The pause before the first retry; doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause of our own.
    pub longest_pause: Duration,
    /// A `Retry-After` beyond this is not waited for: the turn goes to the next model, or ends
    /// and tells the client when to come back.
    pub longest_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 3,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(8),
            longest_retry_after: Duration::from_mins(1),
        }
    }
}

impl RetryPolicy {
    /// The pause before retry number `retry` (from 0); none if there shall be none.
    ///
    /// `jitter` in `0.0..1.0` shortens our own pause by up to half, and lengthens a
    /// `Retry-After` by up to a tenth: never earlier than asked.
    #[must_use]
    pub fn pause(&self, kind: ProviderErrorKind, retry: u32, jitter: f64) -> Option<Duration> {
        if retry >= self.max_retries || !kind.is_passing() {
            return None;
        }
        match kind.retry_after() {
            Some(asked) if asked > self.longest_retry_after => None,
            Some(asked) => Some(asked.mul_f64(1.0 + jitter / 10.0)),
            None => {
                let full = self
                    .first_pause
                    .saturating_mul(2_u32.saturating_pow(retry))
                    .min(self.longest_pause);
                Some(full.mul_f64(1.0 - jitter / 2.0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        max_retries: 3,
        first_pause: Duration::from_millis(500),
        longest_pause: Duration::from_secs(1),
        longest_retry_after: Duration::from_mins(1),
    };

    #[test]
    fn pauses_grow_up_to_a_limit_and_end() {
        let pauses: Vec<_> = (0..4)
            .map(|retry| POLICY.pause(ProviderErrorKind::Idle, retry, 0.0))
            .collect();
        let millis = |ms| Some(Duration::from_millis(ms));
        assert_eq!(pauses, [millis(500), millis(1000), millis(1000), None]);
    }

    #[test]
    fn retry_after_is_honoured_never_early_and_capped() {
        let limited = |seconds| ProviderErrorKind::RateLimited {
            retry_after: Some(Duration::from_secs(seconds)),
        };
        assert_eq!(
            POLICY.pause(limited(7), 0, 0.0),
            Some(Duration::from_secs(7))
        );
        assert!(
            POLICY
                .pause(limited(7), 0, 0.9)
                .is_some_and(|pause| pause > Duration::from_secs(7))
        );
        assert_eq!(POLICY.pause(limited(61), 0, 0.0), None);
    }

    #[test]
    fn what_cannot_pass_is_not_tried_again() {
        for kind in [
            ProviderErrorKind::Auth,
            ProviderErrorKind::Refused,
            ProviderErrorKind::ContextTooLong,
        ] {
            assert_eq!(POLICY.pause(kind, 0, 0.0), None);
        }
    }
}
