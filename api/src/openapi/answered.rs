//! Components that are answers. Their fields are always there, null when there is nothing to
//! say; to the framework such a field is one that may be absent.

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Answers whose empty fields are left out instead.
const SPARSE: [&str; 2] = ["MessageMetadata", "Problem"];
/// What stands in every problem.
const OF_EVERY_PROBLEM: [&str; 6] = ["type", "title", "status", "code", "detail", "request_id"];

/// The names of the components that no request sends.
pub(super) fn components(document: &Value) -> Vec<String> {
    let mut sent = BTreeSet::new();
    let operations = document.get("paths").and_then(Value::as_object);
    let operations = operations
        .into_iter()
        .flat_map(|paths| paths.values())
        .filter_map(Value::as_object)
        .flat_map(|methods| methods.values());
    for operation in operations {
        for part in ["requestBody", "parameters"] {
            if let Some(part) = operation.get(part) {
                reach(part, document, &mut sent);
            }
        }
    }
    let all = document.pointer("/components/schemas");
    all.and_then(Value::as_object)
        .into_iter()
        .flat_map(|schemas| schemas.keys())
        .filter(|name| !sent.contains(*name))
        .cloned()
        .collect()
}

/// Adds every component that `value` leads to.
fn reach(value: &Value, document: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let reference = fields.get("$ref").and_then(Value::as_str);
            let name = reference.and_then(|path| path.strip_prefix("#/components/schemas/"));
            if let Some(name) = name
                && found.insert(name.to_owned())
                && let Some(schema) = document.pointer(&format!("/components/schemas/{name}"))
            {
                reach(schema, document, found);
            }
            fields
                .values()
                .for_each(|field| reach(field, document, found));
        }
        Value::Array(items) => items.iter().for_each(|item| reach(item, document, found)),
        _ => {}
    }
}

/// Says which fields are always there, and which of them may be null.
pub(super) fn complete(name: &str, schema: &mut Value) {
    if name == "Problem" {
        if let Some(required) = schema.get_mut("required") {
            *required = json!(OF_EVERY_PROBLEM);
        }
        return;
    }
    if SPARSE.contains(&name) {
        return;
    }
    let always: Vec<Value> = schema
        .get("required")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return;
    };
    let names: Vec<Value> = properties.keys().map(|name| name.clone().into()).collect();
    for (name, property) in properties {
        let is_always = always.iter().any(|known| known == name.as_str());
        if !is_always && let Value::Object(property) = property {
            property.insert("nullable".to_owned(), true.into());
            // A bare reference can have nothing beside it.
            if let Some(reference) = property.remove("$ref") {
                property.insert("allOf".to_owned(), json!([{"$ref": reference}]));
            }
        }
    }
    if !names.is_empty()
        && let Value::Object(schema) = schema
    {
        schema.insert("required".to_owned(), names.into());
    }
}
