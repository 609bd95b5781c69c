//! `mergeObjects` of `ai@5.0.0`.

use serde_json::Value;

/// Put `over` on `base`: objects are merged at every depth, all else is replaced.
pub(super) fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}
