use std::collections::BTreeMap;

use config::{ConfigError, Map, Source, Value, ValueKind};

use super::origin::Origin;

/// The keys that one place sets, each with the place.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer(BTreeMap<String, (ValueKind, Origin)>);

impl Layer {
    pub(super) fn set(&mut self, key: &str, value: impl Into<ValueKind>, origin: Origin) {
        self.0.insert(key.to_owned(), (value.into(), origin));
    }

    /// Forgets blank texts, except of keys that may be empty.
    pub(super) fn drop_blanks(&mut self, keeps_blank: impl Fn(&str) -> bool) {
        self.0.retain(|key, (value, _)| match value {
            ValueKind::String(text) => !text.trim().is_empty() || keeps_blank(key),
            _ => true,
        });
    }

    /// Whether nothing is a value of this key: it is text or a list here.
    pub(super) fn may_be_blank(&self, key: &str) -> bool {
        let value = self.get(key).map(|(value, _)| value);
        matches!(value, Some(ValueKind::String(_) | ValueKind::Array(_)))
    }

    fn get(&self, key: &str) -> Option<&(ValueKind, Origin)> {
        self.0.get(key)
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let values = self.0.iter();
        Ok(values
            .map(|(key, (value, _))| (key.clone(), Value::new(None, value.clone())))
            .collect())
    }
}

/// All places, the weakest first.
#[derive(Debug, Clone)]
pub(super) struct Layers(pub(super) Vec<Layer>);

impl Layers {
    /// The value that wins, unless it is "not set".
    pub(super) fn value(&self, key: &str) -> Option<&ValueKind> {
        let value = self.winner(key).map(|(value, _)| value);
        value.filter(|value| !matches!(value, ValueKind::Nil))
    }

    /// The same, if it is text with something in it.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.value(key) {
            Some(ValueKind::String(text)) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    pub(super) fn origin(&self, key: &str) -> Origin {
        self.winner(key)
            .map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    fn winner(&self, key: &str) -> Option<&(ValueKind, Origin)> {
        self.0.iter().rev().find_map(|layer| layer.get(key))
    }
}
