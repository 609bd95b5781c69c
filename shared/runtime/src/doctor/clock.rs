use super::{Check, Finding};
use crate::{adapters::visit, settings::DatabaseSettings};
use async_trait::async_trait;
use copilot_core::clock::{Clock as _, SystemClock};

/// Tokens are judged by this machine's clock, leases and deadlines by the database's.
const MOST_APART_SECONDS: i64 = 5;

/// Whether this machine and the database agree about the time.
pub(super) struct Clock(pub(super) DatabaseSettings);

#[async_trait]
impl Check for Clock {
    fn name(&self) -> &'static str {
        "clock"
    }

    async fn run(&self) -> Finding {
        let Ok(visit) = visit(&self.0).await else {
            return Finding::warning("not compared: the database does not answer", "see database");
        };
        match visit.now().await {
            Ok(theirs) => judged((SystemClock.now() - theirs).num_seconds()),
            Err(error) => Finding::warning(format!("not compared: {error}"), "see database"),
        }
    }
}

fn judged(ahead_seconds: i64) -> Finding {
    if ahead_seconds.abs() <= MOST_APART_SECONDS {
        return Finding::ok("agrees with the database's");
    }
    let side = if ahead_seconds > 0 {
        "ahead of"
    } else {
        "behind"
    };
    Finding::warning(
        format!("{} s {side} the database's", ahead_seconds.abs()),
        "synchronise both with NTP, else tokens are refused or taken at the wrong time",
    )
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};

    #[test]
    fn clocks_that_disagree_are_told_with_the_side() {
        assert_eq!(judged(-5).verdict, Verdict::Ok);
        assert_eq!(judged(60).note, "60 s ahead of the database's");
        assert_eq!(judged(-60).note, "60 s behind the database's");
    }
}
