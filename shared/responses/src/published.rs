//! Schemas as an `OpenAPI` 3.0 document has them.

use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Map, Value, json};

/// The components by which a type is published, its own under the name of the type.
///
/// What always stands in an answer is required, its nulls too. A field with a default is not:
/// clients may rely on the default where they find none.
#[must_use]
pub fn published<T: JsonSchema>() -> Map<String, Value> {
    let settings = SchemaSettings::openapi3()
        .for_serialize()
        .with(|settings| settings.meta_schema = None)
        .with_transform(RecursiveTransform(polished));
    let mut generator = settings.into_generator();
    generator.subschema_for::<T>();
    generator.take_definitions(true)
}

fn polished(schema: &mut Schema) {
    leave_out_defaulted(schema);
    null_beside_reference(schema);
    if schema.get("items") == Some(&Value::Bool(true)) {
        schema.insert("items".to_owned(), json!({}));
    }
    // Rust's own names of numbers say nothing to other languages.
    let is_rusts = |format: &Value| format.as_str().is_some_and(|name| name.starts_with("uint"));
    if schema.get("format").is_some_and(is_rusts) {
        schema.remove("format");
    }
}

fn leave_out_defaulted(schema: &mut Schema) {
    let Some(Value::Object(properties)) = schema.get("properties") else {
        return;
    };
    let defaulted: Vec<String> = properties
        .iter()
        .filter(|(_, property)| property.get("default").is_some())
        .map(|(name, _)| name.clone())
        .collect();
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        let is_kept = |name: &Value| !defaulted.iter().any(|defaulted| name == defaulted.as_str());
        required.retain(is_kept);
        if required.is_empty() {
            schema.remove("required");
        }
    }
}

/// A reference or null, as generators of clients read it best.
fn null_beside_reference(schema: &mut Schema) {
    let Some([reference, null]) = schema
        .get("anyOf")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    else {
        return;
    };
    if reference.get("$ref").is_some() && null.get("nullable") == Some(&Value::Bool(true)) {
        let all_of = json!([reference]);
        schema.remove("anyOf");
        schema.insert("allOf".to_owned(), all_of);
        schema.insert("nullable".to_owned(), true.into());
    }
}
