//! What Anthropic ties to a model's name: how it thinks, and how much it may write.

use crate::effort::Effort;

/// Facts about one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ModelTraits {
    /// How thinking is asked for.
    pub(super) thinking: ThinkingForm,
    /// The limit of a reply when the operator sets none: a request must have one.
    pub(super) max_tokens: u32,
    /// Whether it takes a temperature.
    pub(super) sampling: Sampling,
}

/// How thinking is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ThinkingForm {
    /// It does not think.
    None,
    /// So many tokens of it.
    Budget,
    /// As the model sees fit, more or less by an effort; a budget works too.
    AdaptiveOrBudget,
    /// The same, but a budget is refused.
    Adaptive,
}

/// Whether a model can be told how to sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sampling {
    /// It takes a temperature.
    Taken,
    /// It refuses one.
    Refused,
}

impl ModelTraits {
    /// Claude models by their version; one without a version is a new one. Others, behind servers
    /// that speak the same protocol, get what most of them know.
    pub(super) fn of(model: &str) -> Self {
        let Some((_, name)) = model.split_once("claude") else {
            return Self::new(ThinkingForm::Budget, 8_192, Sampling::Taken);
        };
        match version(name) {
            Some((0..=2, _) | (3, 0)) => Self::new(ThinkingForm::None, 4_096, Sampling::Taken),
            Some((3, 1..=6)) => Self::new(ThinkingForm::None, 8_192, Sampling::Taken),
            Some((3, _) | (4, 0..=5)) => Self::new(ThinkingForm::Budget, 32_000, Sampling::Taken),
            Some((4, 6)) => Self::new(ThinkingForm::AdaptiveOrBudget, 32_000, Sampling::Taken),
            Some(_) | None => Self::new(ThinkingForm::Adaptive, 32_000, Sampling::Refused),
        }
    }

    const fn new(thinking: ThinkingForm, max_tokens: u32, sampling: Sampling) -> Self {
        Self {
            thinking,
            max_tokens,
            sampling,
        }
    }

    /// The effort's word for a model that thinks as it sees fit.
    pub(super) const fn word(self, effort: Effort) -> &'static str {
        match effort {
            Effort::None | Effort::Minimal | Effort::Low | Effort::Budget(0..=2_048) => "low",
            Effort::Medium | Effort::Budget(2_049..=8_192) => "medium",
            Effort::High | Effort::Budget(8_193..=24_576) => "high",
            Effort::XHigh => match self.thinking {
                ThinkingForm::Adaptive => "xhigh",
                _ => "high",
            },
            Effort::Max | Effort::Budget(_) => "max",
        }
    }
}

/// The first number or two after the name that are no date: `-opus-4-1-20250805` is 4.1.
fn version(name: &str) -> Option<(u32, u32)> {
    let mut parts = name
        .split(['-', '.', '@', ':', '_'])
        .skip_while(|part| number(part).is_none());
    let major = parts.next().and_then(number)?;
    Some((major, parts.next().and_then(number).unwrap_or(0)))
}

fn number(part: &str) -> Option<u32> {
    Some(part)
        .filter(|part| part.len() <= 2)
        .and_then(|part| part.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_version_is_read_from_its_name_wherever_it_stands() {
        for (name, expected) in [
            ("-sonnet-4-6", Some((4, 6))),
            ("-opus-4-20250514", Some((4, 0))),
            ("-opus-4-1-20250805", Some((4, 1))),
            ("-3-5-haiku-20241022", Some((3, 5))),
            ("-3-haiku-20240307", Some((3, 0))),
            ("-haiku-4-5@20251001", Some((4, 5))),
            ("-sonnet-4.5", Some((4, 5))),
            ("-opus-4-7-v1:0", Some((4, 7))),
            ("-fable-5", Some((5, 0))),
            ("-mythos-preview", None),
        ] {
            assert_eq!(version(name), expected, "{name}");
        }
    }

    #[test]
    fn each_generation_thinks_in_its_way() {
        for (model, thinking) in [
            ("claude-3-5-sonnet-20241022", ThinkingForm::None),
            ("claude-3-7-sonnet-20250219", ThinkingForm::Budget),
            ("anthropic/claude-haiku-4.5", ThinkingForm::Budget),
            ("claude-sonnet-4-6", ThinkingForm::AdaptiveOrBudget),
            ("claude-opus-4-7", ThinkingForm::Adaptive),
            ("claude-mythos-preview", ThinkingForm::Adaptive),
            ("glm-5", ThinkingForm::Budget),
        ] {
            assert_eq!(ModelTraits::of(model).thinking, thinking, "{model}");
        }
    }
}
