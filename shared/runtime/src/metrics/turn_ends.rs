use std::sync::Arc;
use std::time::Duration;

use copilot_core::clock::{Clock, millis};
use copilot_core::port::turn_ends::{EndedTurn, TurnEnds};
use copilot_core::turn::TurnStatus;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::buckets::{Buckets, histogram};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    status: &'static str,
}

/// Tells of each turn's end, whoever ended it: one log line, one count, one time.
pub struct TurnEndMetrics {
    clock: Arc<dyn Clock>,
    slow: Duration,
    completed: Counter,
    failed: Counter,
    cancelled: Counter,
    seconds: Histogram,
}

impl TurnEndMetrics {
    /// Registers its metrics. A turn that takes longer than `slow` is warned of.
    pub fn register(registry: &mut Registry, clock: Arc<dyn Clock>, slow: Duration) -> Self {
        let turns = Family::<Labels, Counter>::default();
        let counter = |status: TurnStatus| {
            let status = status.as_str();
            turns.get_or_create_owned(&Labels { status })
        };
        let (completed, failed, cancelled) = (
            counter(TurnStatus::Completed),
            counter(TurnStatus::Failed),
            counter(TurnStatus::Cancelled),
        );
        let seconds = histogram(Buckets::Long);
        registry.register("copilot_turns", "Turns that have ended", turns);
        registry.register(
            "copilot_turn_seconds",
            "From a turn's first start to its end; one that never ran is left out",
            seconds.clone(),
        );
        Self {
            clock,
            slow,
            completed,
            failed,
            cancelled,
            seconds,
        }
    }

    fn since(&self, began: copilot_core::clock::Timestamp) -> Duration {
        (self.clock.now() - began).to_std().unwrap_or_default()
    }

    fn count(&self, status: TurnStatus) {
        match status {
            TurnStatus::Completed => self.completed.inc(),
            TurnStatus::Failed => self.failed.inc(),
            TurnStatus::Cancelled => self.cancelled.inc(),
            TurnStatus::Queued | TurnStatus::Running | TurnStatus::Paused => return,
        };
    }
}

impl TurnEnds for TurnEndMetrics {
    fn ended(&self, turn: &EndedTurn) {
        let EndedTurn {
            key,
            attempt,
            status,
            finish_reason,
            steps,
            tools,
            usage,
            first_delta,
            created_at,
            started_at,
        } = *turn;
        self.count(status);
        let total = self.since(started_at.unwrap_or(created_at));
        if started_at.is_some() {
            self.seconds.observe(total.as_secs_f64());
        }
        tracing::info!(
            session_id = key.session_id.tag(),
            turn_id = %key.turn_id,
            attempt,
            status = status.as_str(),
            finish_reason = finish_reason.as_str(),
            steps,
            tools,
            tokens = usage.total_tokens,
            first_delta = first_delta.map(millis),
            total = millis(total),
            "turn finished"
        );
        if started_at.is_some() && total > self.slow {
            tracing::warn!(
                session_id = key.session_id.tag(),
                turn_id = %key.turn_id,
                total = millis(total),
                limit = millis(self.slow),
                "slow turn"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use copilot_core::clock::Timestamp;
    use copilot_core::turn::{FinishReason, TurnKey, Usage};
    use prometheus_client::encoding::prometheus_text;
    use uuid::Uuid;

    use super::*;

    struct Held(Timestamp);

    impl Clock for Held {
        fn now(&self) -> Timestamp {
            self.0
        }
    }

    #[test]
    fn each_end_is_counted_by_its_status_and_timed_if_it_ever_ran() {
        let mut registry = Registry::default();
        let now = Timestamp::UNIX_EPOCH + TimeDelta::seconds(100);
        let ends = TurnEndMetrics::register(&mut registry, Arc::new(Held(now)), Duration::MAX);
        let dequeued = EndedTurn {
            key: TurnKey {
                session_id: Uuid::nil().into(),
                turn_id: Uuid::nil().into(),
            },
            attempt: 1,
            status: TurnStatus::Cancelled,
            finish_reason: FinishReason::Interrupted,
            steps: 0,
            tools: 0,
            usage: Usage::default(),
            first_delta: None,
            created_at: now - TimeDelta::seconds(9),
            started_at: None,
        };
        let completed = EndedTurn {
            status: TurnStatus::Completed,
            started_at: Some(now - TimeDelta::seconds(7)),
            ..dequeued
        };

        for ended in [dequeued, completed, completed] {
            ends.ended(&ended);
        }

        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).unwrap();
        for line in [
            "copilot_turns_total{status=\"cancelled\"} 1",
            "copilot_turns_total{status=\"completed\"} 2",
            "copilot_turns_total{status=\"failed\"} 0",
            "copilot_turn_seconds_count 2",
            "copilot_turn_seconds_sum 14.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
