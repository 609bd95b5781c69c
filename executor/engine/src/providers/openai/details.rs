//! `OpenRouter`'s `reasoning_details`: the thinking of whatever model is behind it, with signatures,
//! in pieces. It must come back whole and in order.

use crate::provider_error::ProviderError;
use serde_json::{Map, Value};

/// The most bytes of all pieces; as much as a whole reply may have.
const LONGEST: usize = 4 << 20;

/// Fields whose pieces are put together.
const CONTINUED: [&str; 3] = ["text", "summary", "data"];

/// The details so far.
#[derive(Debug, Default)]
pub(super) struct Details {
    items: Vec<Map<String, Value>>,
    bytes: usize,
}

impl Details {
    /// Takes the pieces of one chunk in.
    pub(super) fn add(&mut self, pieces: Vec<Value>) -> Result<(), ProviderError> {
        for piece in pieces {
            let Value::Object(piece) = piece else {
                continue;
            };
            self.bytes += piece
                .iter()
                .map(|(name, value)| weight(name, value))
                .sum::<usize>();
            if self.bytes > LONGEST {
                return Err(ProviderError::broken("the thinking's details are too long"));
            }
            match self.items.last_mut() {
                Some(last) if is_continued(last, &piece) => go_on(last, piece),
                _ => self.items.push(piece),
            }
        }
        Ok(())
    }

    /// All of it as JSON; none if there was nothing.
    pub(super) fn take(&mut self) -> Option<String> {
        let items = std::mem::take(&mut self.items);
        let items: Vec<Value> = items.into_iter().map(Value::Object).collect();
        (!items.is_empty()).then(|| Value::Array(items).to_string())
    }
}

fn weight(name: &str, value: &Value) -> usize {
    name.len() + value.as_str().map_or(8, str::len)
}

fn is_continued(last: &Map<String, Value>, piece: &Map<String, Value>) -> bool {
    ["type", "index"]
        .iter()
        .all(|field| last.get(*field) == piece.get(*field))
}

fn go_on(last: &mut Map<String, Value>, piece: Map<String, Value>) {
    for (name, value) in piece {
        match (last.get_mut(&name), value) {
            (_, Value::Null) => {}
            (Some(Value::String(open)), Value::String(more))
                if CONTINUED.contains(&name.as_str()) =>
            {
                open.push_str(&more);
            }
            (_, value) => {
                last.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pieces_of_one_detail_become_one_and_others_stay_apart() {
        let mut details = Details::default();
        for pieces in [
            json!([{"type": "reasoning.text", "index": 0, "text": "a", "signature": null}]),
            json!([{"type": "reasoning.text", "index": 0, "text": "b"}, "no object"]),
            json!([{"type": "reasoning.text", "index": 0, "signature": "S"}]),
            json!([{"type": "reasoning.encrypted", "index": 0, "data": "D", "id": "c"}]),
        ] {
            details.add(pieces.as_array().unwrap().clone()).unwrap();
        }
        let all: Value = serde_json::from_str(&details.take().unwrap()).unwrap();
        assert_eq!(
            all,
            json!([
                {"type": "reasoning.text", "index": 0, "text": "ab", "signature": "S"},
                {"type": "reasoning.encrypted", "index": 0, "data": "D", "id": "c"},
            ])
        );
        assert_eq!(details.take(), None);
    }

    #[test]
    fn endless_details_are_refused() {
        let mut details = Details::default();
        let piece = json!({"type": "reasoning.text", "text": "x".repeat(1 << 20)});
        let results: Vec<_> = (0..5).map(|_| details.add(vec![piece.clone()])).collect();
        assert!(results[3].is_err() || results[4].is_err());
        assert!(results[0].is_ok());
    }
}
