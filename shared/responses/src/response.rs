//! One type of the union, and its schema with its `type`.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};
use std::{borrow::Cow, marker::PhantomData};

/// A type of the union.
pub trait Response: JsonSchema {
    /// The value of `type`.
    const TYPE: &'static str;
}

/// The schema of `T` as it is sent: with its `type`, and under the name of `T` alone.
pub(crate) struct Sent<T>(PhantomData<T>);

impl<T: Response> JsonSchema for Sent<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("Sent<{}>", T::schema_id()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            let kind = json!({
                "type": "string",
                "enum": [T::TYPE],
                "description": format!("Always `{}`.", T::TYPE),
            });
            properties.insert("type".to_owned(), kind);
        }
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            required.insert(0, "type".into());
        }
        schema
    }
}
