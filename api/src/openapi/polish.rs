//! What the framework writes, made plain and complete: nulls, limits of parameters, headers of
//! event streams, and no names that mean something to Rust alone.

use super::answered;
use crate::limits::{CLIENT_ID_CHARS, REQUEST_ID_CHARS};
use serde_json::{Map, Value, json};

/// Names of headers as the framework writes them, and as they are.
const SHOUTED: [(&str, &str); 3] = [
    ("RETRY-AFTER", "Retry-After"),
    ("ALLOW", "Allow"),
    ("X-REQUEST-ID", "x-request-id"),
];

/// Polishes a document.
pub(super) fn polish(document: &mut Value) {
    plain(document);
    let only_answered = answered::components(document);
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        for name in only_answered {
            if let Some(schema) = schemas.get_mut(&name) {
                answered::complete(&name, schema);
            }
        }
    }
    let described = document.pointer("/components/schemas").cloned();
    if let Some(Value::Object(paths)) = document.get_mut("paths") {
        let methods = paths.values_mut().filter_map(Value::as_object_mut);
        for operation in methods.flat_map(Map::values_mut) {
            parameters(operation);
            responses(operation, described.as_ref());
        }
    }
}

/// The same without what repeats itself or is Rust's own.
fn plain(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(plain);
            numbers(fields);
            without_repeats(fields);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

fn numbers(schema: &mut Map<String, Value>) {
    let format = schema.get("format").and_then(Value::as_str);
    if format.is_some_and(|name| name.starts_with("uint")) {
        schema.remove("format");
        schema.entry("minimum").or_insert(json!(0));
    }
    for bound in ["minimum", "maximum"] {
        // The framework keeps every bound as a fraction.
        let whole = schema
            .get(bound)
            .and_then(Value::as_f64)
            .and_then(|number| format!("{number}").parse::<i64>().ok());
        if let Some(whole) = whole {
            schema.insert(bound.to_owned(), whole.into());
        }
    }
}

/// `allOf` of a reference and of what already stands beside it.
fn without_repeats(schema: &mut Map<String, Value>) {
    let Some(Value::Array(members)) = schema.get("allOf") else {
        return;
    };
    let repeats = |member: &Value| {
        member.as_object().is_some_and(|fields| {
            fields
                .iter()
                .all(|(key, value)| schema.get(key) == Some(value))
        })
    };
    let kept: Value = members
        .iter()
        .filter(|member| !repeats(member))
        .cloned()
        .collect();
    schema.insert("allOf".to_owned(), kept);
}

fn parameters(operation: &mut Value) {
    let Some(Value::Array(parameters)) = operation.get_mut("parameters") else {
        return;
    };
    for parameter in parameters {
        let shouted = SHOUTED
            .iter()
            .find(|(shouted, _)| parameter.get("name") == Some(&Value::from(*shouted)));
        if let (Some((_, name)), Value::Object(parameter)) = (shouted, &mut *parameter) {
            parameter.insert("name".to_owned(), (*name).into());
        }
        let limits = parameter
            .get("name")
            .and_then(Value::as_str)
            .map(limits)
            .unwrap_or_default();
        if let (Some(Value::Object(schema)), Value::Object(limits)) =
            (parameter.get_mut("schema"), limits)
        {
            schema.extend(limits);
        }
    }
}

fn limits(parameter: &str) -> Value {
    match parameter {
        "profile" | "x-stream-profile" => json!({"enum": ["v5", "v6", "v7"]}),
        "Idempotency-Key" => json!({"minLength": 1, "maxLength": CLIENT_ID_CHARS}),
        "chat_id" => json!({"minLength": 1, "maxLength": CLIENT_ID_CHARS, "pattern": "^[^/]+$"}),
        "x-request-id" => json!({"maxLength": REQUEST_ID_CHARS, "pattern": "^[!-~]*$"}),
        _ => Value::Null,
    }
}

fn responses(operation: &mut Value, described: Option<&Value>) {
    let Some(Value::Object(responses)) = operation.get_mut("responses") else {
        return;
    };
    for response in responses.values_mut().filter_map(Value::as_object_mut) {
        content(response);
        headers(response);
        description(response, described);
    }
}

/// Media types without parameters: clients look them up by name.
fn content(response: &mut Map<String, Value>) {
    let Some(Value::Object(content)) = response.get_mut("content") else {
        return;
    };
    let named = std::mem::take(content).into_iter().map(|(kind, schema)| {
        let plain = kind.split(';').next().unwrap_or_default().to_owned();
        (plain, schema)
    });
    *content = named.collect();
}

fn headers(response: &mut Map<String, Value>) {
    let is_stream = response
        .get("content")
        .is_some_and(|content| content.get("text/event-stream").is_some());
    let headers = response.entry("headers").or_insert_with(|| json!({}));
    let Value::Object(headers) = headers else {
        return;
    };
    for (shouted, name) in SHOUTED {
        if let Some(header) = headers.remove(shouted) {
            headers.insert(name.to_owned(), header);
        }
    }
    if is_stream {
        headers.extend(stream_headers());
    }
}

fn stream_headers() -> Map<String, Value> {
    let header = |name: &str, description: &str, value: &str| {
        let header = json!({
            "description": description,
            "required": true,
            "schema": {"type": "string", "enum": [value]},
        });
        (name.to_owned(), header)
    };
    Map::from_iter([
        header(
            "Cache-Control",
            "Not kept, not changed",
            "no-cache, no-transform",
        ),
        header("X-Accel-Buffering", "Not buffered by proxies", "no"),
        header(
            "x-vercel-ai-ui-message-stream",
            "The version of the stream",
            "v1",
        ),
    ])
}

/// A response that says nothing of itself is described by what it carries.
fn description(response: &mut Map<String, Value>, described: Option<&Value>) {
    if response.get("description") != Some(&Value::from("")) {
        return;
    }
    let content = response.get("content").and_then(Value::as_object);
    let text = content
        .and_then(|content| content.values().next()?.pointer("/schema/$ref")?.as_str())
        .and_then(|reference| reference.strip_prefix("#/components/schemas/"))
        .and_then(|name| described?.get(name)?.get("description"))
        .cloned();
    response.insert(
        "description".to_owned(),
        text.unwrap_or_else(|| "Done".into()),
    );
}
