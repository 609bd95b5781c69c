use copilot_core::port::rounds::{Round, Rounds};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    task: &'static str,
    outcome: &'static str,
}

/// Counts the rounds of this process's background loops.
pub struct RoundMetrics(Family<Labels, Counter>);

impl RoundMetrics {
    /// Registers its metric.
    pub fn register(registry: &mut Registry) -> Self {
        let rounds = Family::default();
        registry.register(
            "copilot_background_rounds",
            "Rounds of background loops",
            rounds.clone(),
        );
        Self(rounds)
    }
}

impl Rounds for RoundMetrics {
    fn ended(&self, task: &'static str, round: Round) {
        let outcome = round.as_str();
        self.0.get_or_create(&Labels { task, outcome }).inc();
    }
}
