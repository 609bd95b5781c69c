//! The tools of this process: what the model is offered, and the way to each of them.

use crate::{
    provider::ToolSpec,
    tool::ToolContext,
    tool_erased::{DynTool, ToolFacts},
    tool_meter::UNKNOWN_TOOL,
};
use copilot_core::{ledger::Effect, message::value_without_nul};
use copilot_responses::{NeedLoginResponse, ToolResponse};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::sync::Arc;

/// A tool that cannot be registered: our own fault, found at start.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Its schema is no JSON schema.
    #[error("the input schema of tool {0} is broken")]
    Schema(&'static str),
    /// Its name is taken.
    #[error("two tools are named {0}")]
    Twice(&'static str),
}

struct Entry {
    tool: Arc<dyn DynTool>,
    input: Validator,
}

/// The tools that work here and are not disabled, in a fixed order.
#[derive(Default)]
pub struct Registry {
    entries: Vec<Entry>,
    specs: Arc<[ToolSpec]>,
}

/// A call that may run.
pub struct ReadyCall {
    pub(crate) tool: Arc<dyn DynTool>,
    pub(crate) input: Value,
}

impl Registry {
    /// Takes `tools` in the order in which they are offered, without those named in `disabled`
    /// and those that do not work in this process.
    pub fn new(
        tools: impl IntoIterator<Item = Arc<dyn DynTool>>,
        disabled: &[String],
    ) -> Result<Self, RegistryError> {
        let mut entries: Vec<Entry> = Vec::new();
        for tool in tools {
            let ToolFacts {
                name, is_available, ..
            } = *tool.facts();
            if !is_available || disabled.iter().any(|disabled| disabled == name) {
                continue;
            }
            if entries.iter().any(|entry| entry.tool.facts().name == name) {
                return Err(RegistryError::Twice(name));
            }
            let input = jsonschema::validator_for(&tool.facts().input_schema)
                .map_err(|_| RegistryError::Schema(name))?;
            entries.push(Entry { tool, input });
        }
        let specs = entries
            .iter()
            .map(|entry| spec(entry.tool.facts()))
            .collect();
        Ok(Self { entries, specs })
    }

    /// What the model is told.
    #[must_use]
    pub fn specs(&self) -> Arc<[ToolSpec]> {
        Arc::clone(&self.specs)
    }

    /// What happens if a tool runs twice; of an unknown one nothing, since it never runs.
    #[must_use]
    pub fn effect(&self, name: &str) -> Effect {
        self.find(name)
            .map_or(Effect::Pure, |entry| entry.tool.facts().effect)
    }

    /// The tool's name as metrics may show it.
    #[must_use]
    pub fn metered_name(&self, name: &str) -> &'static str {
        self.find(name)
            .map_or(UNKNOWN_TOOL, |entry| entry.tool.facts().name)
    }

    /// Checks a call. The error is a sentence for the model, which can mend it.
    pub fn prepare(&self, name: &str, arguments: &str) -> Result<ReadyCall, String> {
        let Some(entry) = self.find(name) else {
            return Err(format!(
                "there is no tool named {}; there are: {}",
                shortened(name),
                self.names()
            ));
        };
        let input = read_arguments(arguments)?;
        let faults: Vec<String> = entry
            .input
            .iter_errors(&input)
            .take(5)
            .map(|fault| describe(&fault))
            .collect();
        if faults.is_empty() {
            Ok(ReadyCall {
                tool: Arc::clone(&entry.tool),
                input,
            })
        } else {
            Err(format!(
                "the arguments do not fit the schema of {name}: {}",
                faults.join("; ")
            ))
        }
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.tool.facts().name == name)
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.specs.iter().map(|spec| spec.name.as_str()).collect();
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    }
}

/// What the model wrote, as an object. Nothing at all counts as an empty one.
pub(crate) fn read_arguments(arguments: &str) -> Result<Value, String> {
    if arguments.trim().is_empty() {
        return Ok(json!({}));
    }
    match serde_json::from_str::<Value>(arguments) {
        Ok(input @ Value::Object(_)) => Ok(value_without_nul(input)),
        Ok(_) => Err("the arguments are no JSON object".to_owned()),
        Err(error) => Err(format!("the arguments are no JSON: {error}")),
    }
}

/// The answer of a tool that needs a user, in an anonymous session.
pub(crate) fn need_login(context: &ToolContext, name: &str) -> Value {
    let answer = ToolResponse::from(NeedLoginResponse {
        message: format!("{name} needs a signed-in user. Please sign in first."),
        session_id: Some(context.session_id.to_string()),
        agent_info: None,
    });
    // Texts and nulls are always JSON.
    serde_json::to_value(answer).unwrap_or_default()
}

fn spec(facts: &ToolFacts) -> ToolSpec {
    ToolSpec {
        name: facts.name.to_owned(),
        description: facts.description.clone(),
        schema: facts.input_schema.clone(),
    }
}

fn describe(fault: &jsonschema::ValidationError<'_>) -> String {
    let place = fault.instance_path().to_string();
    let place = if place.is_empty() {
        "the object".to_owned()
    } else {
        place
    };
    shortened(&format!("{place}: {fault}"))
}

/// At most 200 characters: the model wrote it, and it goes back to the model.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
