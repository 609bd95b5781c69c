//! What the operator decides about the loop.

use crate::{effort::Effort, retry::RetryPolicy, secrets::Secrets};
use std::time::Duration;

/// The engine's settings, already checked.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The model that is asked unless the turn asks for another.
    pub model: String,
    /// What a turn may ask for beside it.
    pub models: Vec<String>,
    /// What is tried, in this order, when a model fails for good.
    pub fallback_models: Vec<String>,
    /// Makes titles; none: no model does.
    pub title_model: Option<String>,
    /// Sampling.
    pub temperature: Option<f64>,
    /// The limit of one reply.
    pub max_output_tokens: Option<u32>,
    /// How hard the model should think.
    pub reasoning: Option<Effort>,
    /// Model replies in one turn.
    pub max_steps: u32,
    /// Tools of one step that run at the same time.
    pub max_tools_at_once: usize,
    /// A model that is silent for so long counts as failed.
    pub idle_timeout: Duration,
    /// When a failed call is made again.
    pub retry: RetryPolicy,
    /// What is hidden in the provider's words before they are logged.
    pub secrets: Secrets,
}

impl EngineConfig {
    /// The defaults, with `model`.
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            models: Vec::new(),
            fallback_models: Vec::new(),
            title_model: None,
            temperature: None,
            max_output_tokens: None,
            reasoning: None,
            max_steps: 30,
            max_tools_at_once: 8,
            idle_timeout: Duration::from_mins(2),
            retry: RetryPolicy::default(),
            secrets: Secrets::default(),
        }
    }

    /// The models to try for a turn that asked for `wanted`, in order, none twice.
    #[must_use]
    pub fn models_for(&self, wanted: Option<&str>) -> Vec<String> {
        let first = wanted
            .filter(|wanted| self.models.iter().any(|allowed| allowed == wanted))
            .unwrap_or(&self.model);
        let mut models = vec![first.to_owned()];
        for fallback in &self.fallback_models {
            if !models.contains(fallback) {
                models.push(fallback.clone());
            }
        }
        models
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_gets_the_model_it_asks_for_only_if_it_is_allowed() {
        let config = EngineConfig {
            models: vec!["large".into()],
            fallback_models: vec!["spare".into(), "large".into()],
            ..EngineConfig::new("small")
        };
        assert_eq!(config.models_for(None), ["small", "spare", "large"]);
        assert_eq!(config.models_for(Some("large")), ["large", "spare"]);
        assert_eq!(
            config.models_for(Some("secret")),
            ["small", "spare", "large"]
        );
    }
}
