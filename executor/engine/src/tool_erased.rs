//! A tool without its types, made once when the process starts.

use crate::tool::{Tool, ToolContext, ToolError};
use async_trait::async_trait;
use copilot_core::ledger::Effect;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// What is known about a tool before it is called.
#[derive(Clone, Debug)]
pub struct ToolFacts {
    /// Its name.
    pub name: &'static str,
    /// What the model reads about it: the doc comment of its input.
    pub description: String,
    /// The JSON schema of its input.
    pub input_schema: Value,
    /// The JSON schema of its results.
    pub output_schema: Value,
    /// What happens if it runs twice.
    pub effect: Effect,
    /// How long one call may take.
    pub time_limit: Duration,
    /// Whether it needs a signed-in user.
    pub needs_user: bool,
    /// Whether it works in this process.
    pub is_available: bool,
}

/// A [`Tool`] behind one type for all.
#[async_trait]
pub trait DynTool: Send + Sync {
    /// Its facts.
    fn facts(&self) -> &ToolFacts;

    /// Runs it on input that the schema has accepted.
    async fn call(&self, context: &ToolContext, input: Value) -> Result<Value, ToolError>;
}

/// Takes the types off a tool.
pub fn erase<T: Tool>(tool: T) -> Arc<dyn DynTool> {
    let mut input_schema = schema_of::<T::Input>(SchemaSettings::for_deserialize);
    let description = take_description(&mut input_schema);
    let facts = ToolFacts {
        name: T::NAME,
        description,
        input_schema: input_schema.to_value(),
        output_schema: schema_of::<T::Output>(SchemaSettings::for_serialize).to_value(),
        effect: T::EFFECT,
        time_limit: T::TIME_LIMIT,
        needs_user: T::NEEDS_USER,
        is_available: tool.is_available(),
    };
    Arc::new(Erased { tool, facts })
}

struct Erased<T> {
    tool: T,
    facts: ToolFacts,
}

#[async_trait]
impl<T: Tool> DynTool for Erased<T> {
    fn facts(&self) -> &ToolFacts {
        &self.facts
    }

    async fn call(&self, context: &ToolContext, input: Value) -> Result<Value, ToolError> {
        let input: T::Input = serde_json::from_value(input)
            .map_err(|error| ToolError::Rejected(format!("the arguments do not fit: {error}")))?;
        let output = self.tool.call(context, input).await?;
        serde_json::to_value(output)
            .map_err(|error| ToolError::Fatal(format!("a result is no JSON: {error}")))
    }
}

/// Without references: many models' servers do not follow them.
fn schema_of<T: JsonSchema>(contract: impl FnOnce(SchemaSettings) -> SchemaSettings) -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = SchemaGenerator::new(contract(settings)).into_root_schema_for::<T>();
    schema.remove("title");
    schema
}

/// The doc comment on one line a paragraph.
fn take_description(schema: &mut Schema) -> String {
    let text = schema
        .remove("description")
        .and_then(|text| text.as_str().map(str::to_owned))
        .unwrap_or_default();
    text.split("\n\n")
        .map(|paragraph| paragraph.replace('\n', " "))
        .collect::<Vec<_>>()
        .join("\n\n")
}
