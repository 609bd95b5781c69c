//! JSON schemas in the few words that Google's servers know; they refuse a request for one more.

use serde_json::{Map, Value, json};

/// The words that are taken as they are.
const KNOWN: [&str; 13] = [
    "description",
    "title",
    "required",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
    "pattern",
    "nullable",
];

/// `schema`, with what has no word left out: arguments are checked against the whole schema when
/// they come.
pub(super) fn plain(schema: &Value) -> Value {
    let Value::Object(full) = schema else {
        return json!({});
    };
    let mut plain: Map<String, Value> = full
        .iter()
        .filter(|(word, _)| KNOWN.contains(&word.as_str()))
        .map(|(word, value)| (word.clone(), value.clone()))
        .collect();
    put_type(full, &mut plain);
    put_choices(full, &mut plain);
    if let Some(Value::Object(properties)) = full.get("properties") {
        let properties: Map<String, Value> = properties
            .iter()
            .map(|(name, schema)| (name.clone(), self::plain(schema)))
            .collect();
        plain.insert("properties".into(), properties.into());
    }
    if let Some(items) = full.get("items") {
        plain.insert("items".into(), self::plain(items));
    }
    put_alternatives(full, &mut plain);
    Value::Object(plain)
}

/// One type, and whether null is one too.
fn put_type(full: &Map<String, Value>, plain: &mut Map<String, Value>) {
    match full.get("type") {
        Some(Value::Array(types)) => {
            let mut others = types.iter().filter(|one| *one != "null");
            if let Some(first) = others.next() {
                plain.insert("type".into(), first.clone());
            }
            if types.iter().any(|one| one == "null") {
                plain.insert("nullable".into(), true.into());
            }
        }
        Some(one) => {
            plain.insert("type".into(), one.clone());
        }
        None => {}
    }
}

/// Only words can be chosen from.
fn put_choices(full: &Map<String, Value>, plain: &mut Map<String, Value>) {
    let choices = match (full.get("enum"), full.get("const")) {
        (Some(Value::Array(choices)), _) => choices.clone(),
        (_, Some(only)) => vec![only.clone()],
        _ => return,
    };
    let words: Vec<Value> = choices.into_iter().filter(Value::is_string).collect();
    if !words.is_empty() {
        plain.insert("enum".into(), words.into());
        plain.insert("type".into(), "string".into());
    }
}

fn put_alternatives(full: &Map<String, Value>, plain: &mut Map<String, Value>) {
    let both = [full.get("anyOf"), full.get("oneOf")];
    let Some(Value::Array(all)) = both.into_iter().flatten().next() else {
        return;
    };
    let is_null = |one: &&Value| one.get("type").is_some_and(|kind| kind == "null");
    if all.iter().any(|one| is_null(&one)) {
        plain.insert("nullable".into(), true.into());
    }
    let mut others: Vec<Value> = all
        .iter()
        .filter(|one| !is_null(one))
        .map(self::plain)
        .collect();
    match (others.pop(), others.is_empty()) {
        (Some(Value::Object(only)), true) => {
            for (word, value) in only {
                plain.entry(word).or_insert(value);
            }
        }
        (Some(last), _) => {
            others.push(last);
            plain.insert("anyOf".into(), others.into());
        }
        (None, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_google_does_not_know_is_left_out_or_said_in_its_words() {
        let full = json!({
            "$schema": "x",
            "type": "object",
            "additionalProperties": false,
            "required": ["format"],
            "properties": {
                "format": {"type": ["string", "null"], "format": "uri", "default": null, "description": "d"},
                "const": {"const": "only"},
                "level": {"oneOf": [{"const": "a", "description": "A"}, {"const": "b"}]},
                "page": {"anyOf": [{"type": "integer", "format": "uint32", "minimum": 1}, {"type": "null"}]},
                "list": {"type": "array", "items": {"type": "integer", "enum": [1, 2]}, "examples": [[1]]},
            },
        });
        assert_eq!(
            plain(&full),
            json!({
                "type": "object",
                "required": ["format"],
                "properties": {
                    "format": {"type": "string", "nullable": true, "description": "d"},
                    "const": {"type": "string", "enum": ["only"]},
                    "level": {"anyOf": [
                        {"type": "string", "enum": ["a"], "description": "A"},
                        {"type": "string", "enum": ["b"]},
                    ]},
                    "page": {"type": "integer", "minimum": 1, "nullable": true},
                    "list": {"type": "array", "items": {"type": "integer"}},
                },
            })
        );
    }

    #[test]
    fn deep_schemas_and_odd_ones_do_no_harm() {
        assert_eq!(plain(&json!(true)), json!({}));
        assert_eq!(plain(&json!({"anyOf": []})), json!({}));
        assert_eq!(plain(&json!({"type": ["null"]})), json!({"nullable": true}));
    }
}
