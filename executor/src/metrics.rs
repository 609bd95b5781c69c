//! What an executor counts.

use copilot_core::turn::Usage;
use copilot_engine::{ToolEnd, ToolMeter, tool_meter::UNKNOWN_TOOL};
use copilot_runtime::{
    metrics::{Buckets, Registry, histogram},
    settings::LlmSettings,
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Under this name the tokens of models are counted that the settings do not name.
const OTHER_MODEL: &str = "other";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ToolLabels {
    tool: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TokenLabels {
    model: String,
    kind: &'static str,
}

/// Handles on the metrics of one executor.
#[derive(Debug)]
pub struct ExecutorMetrics {
    active: Gauge,
    capacity: Gauge,
    attempts: Counter,
    queue_seconds: Histogram,
    first_chunk_seconds: Histogram,
    tools: Family<ToolLabels, Histogram, fn() -> Histogram>,
    /// By model; the settings say which there are.
    tokens: HashMap<String, Tokens>,
    other_tokens: Tokens,
}

#[derive(Debug)]
struct Tokens {
    input: Counter,
    cached_input: Counter,
    output: Counter,
    reasoning: Counter,
}

impl Tokens {
    fn of(family: &Family<TokenLabels, Counter>, model: &str) -> Self {
        let counter = |kind| {
            family.get_or_create_owned(&TokenLabels {
                model: model.to_owned(),
                kind,
            })
        };
        Self {
            input: counter("input"),
            cached_input: counter("cached_input"),
            output: counter("output"),
            reasoning: counter("reasoning"),
        }
    }
}

/// A turn that is worked on here, for as long as this is held.
pub(crate) struct ActiveTurn(Gauge);

impl Drop for ActiveTurn {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl ExecutorMetrics {
    /// Registers them; `models` are those that turns may use.
    pub fn register<'a>(
        registry: &mut Registry,
        models: impl IntoIterator<Item = &'a str>,
    ) -> Arc<Self> {
        let tokens = Family::<TokenLabels, Counter>::default();
        let of_model = |model: &'a str| (model.to_owned(), Tokens::of(&tokens, model));
        let long = (|| histogram(Buckets::Long)) as fn() -> _;
        let tools: Family<ToolLabels, Histogram, _> = Family::new_with_constructor(long);
        // There from the start, so that nobody wonders whether it is measured.
        drop(tools.get_or_create(&ToolLabels {
            tool: UNKNOWN_TOOL,
            outcome: ToolEnd::Rejected.as_str(),
        }));
        let metrics = Self {
            active: Gauge::default(),
            capacity: Gauge::default(),
            attempts: Counter::default(),
            queue_seconds: histogram(Buckets::Short),
            first_chunk_seconds: histogram(Buckets::Short),
            tools: tools.clone(),
            tokens: models.into_iter().map(of_model).collect(),
            other_tokens: Tokens::of(&tokens, OTHER_MODEL),
        };
        registry.register(
            "copilot_turns_active",
            "Turns that this process works on",
            metrics.active.clone(),
        );
        registry.register(
            "copilot_executor_capacity",
            "Turns that this process may work on at a time; 0 once it drains",
            metrics.capacity.clone(),
        );
        registry.register(
            "copilot_turn_attempts",
            "Claims of turns, first ones and takeovers",
            metrics.attempts.clone(),
        );
        registry.register(
            "copilot_turn_queue_seconds",
            "From a turn's acceptance to its first claim",
            metrics.queue_seconds.clone(),
        );
        registry.register(
            "copilot_turn_first_chunk_seconds",
            "From a turn's first claim to the first piece of its answer",
            metrics.first_chunk_seconds.clone(),
        );
        registry.register("copilot_tool_seconds", "How long tool calls take", tools);
        registry.register("copilot_llm_tokens", "Tokens of stored replies", tokens);
        Arc::new(metrics)
    }

    /// How many turns fit.
    pub(crate) fn set_capacity(&self, turns: u16) {
        self.capacity.set(turns.into());
    }

    /// A turn was claimed; `queued` if for the first time.
    pub(crate) fn claimed(&self, queued: Option<Duration>) -> ActiveTurn {
        self.attempts.inc();
        if let Some(queued) = queued {
            self.queue_seconds.observe(queued.as_secs_f64());
        }
        self.active.inc();
        ActiveTurn(self.active.clone())
    }

    /// A turn has shown the first piece of its answer, this long after its claim.
    pub(crate) fn first_chunk(&self, after: Duration) {
        self.first_chunk_seconds.observe(after.as_secs_f64());
    }

    /// A reply of `model` is stored.
    pub(crate) fn replied(&self, model: &str, usage: Usage) {
        let tokens = self.tokens.get(model).unwrap_or(&self.other_tokens);
        tokens.input.inc_by(usage.input_tokens);
        tokens.cached_input.inc_by(usage.cached_input_tokens);
        tokens.output.inc_by(usage.output_tokens);
        tokens.reasoning.inc_by(usage.reasoning_tokens);
    }
}

impl ToolMeter for ExecutorMetrics {
    fn called(&self, tool: &'static str, end: ToolEnd, lasted: Duration) {
        let labels = ToolLabels {
            tool,
            outcome: end.as_str(),
        };
        self.tools
            .get_or_create(&labels)
            .observe(lasted.as_secs_f64());
    }
}

/// The models that turns may use.
pub(crate) fn models(llm: &LlmSettings) -> impl Iterator<Item = &str> {
    let others = llm.models.iter().chain(&llm.fallback_models);
    std::iter::once(llm.model.as_str()).chain(others.map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::prometheus_text;

    #[test]
    fn an_unknown_model_makes_no_series_of_its_own() {
        let mut registry = Registry::default();
        let metrics = ExecutorMetrics::register(&mut registry, ["known"]);
        let usage = Usage {
            input_tokens: 3,
            output_tokens: 2,
            ..Usage::default()
        };

        metrics.replied("known", usage);
        for n in 0..1000 {
            metrics.replied(&format!("odd-{n}"), usage);
        }

        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).unwrap();
        let series = |line: &&str| line.starts_with("copilot_llm_tokens_total{");
        assert_eq!(text.lines().filter(series).count(), 8, "{text}");
        assert!(
            text.contains("{model=\"known\",kind=\"input\"} 3\n"),
            "{text}"
        );
        assert!(
            text.contains("{model=\"other\",kind=\"output\"} 2000\n"),
            "{text}"
        );
    }

    #[test]
    fn a_turn_is_active_until_it_is_let_go_however_that_happens() {
        let metrics = ExecutorMetrics::register(&mut Registry::default(), []);
        let turn = metrics.claimed(None);
        assert_eq!(metrics.active.get(), 1);
        drop(turn);
        assert_eq!(metrics.active.get(), 0);
        assert_eq!(metrics.attempts.get(), 1);
    }
}
