//! A request in OpenAI's form. The same conversation gives the same bytes, so that the server's
//! prompt cache hits.

use crate::{model_message::ModelMessage, provider::ModelRequest, provider_error::ProviderError};
use copilot_core::message::{Reasoning, ToolCall};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;

/// How a server differs from others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dialect {
    /// It is OpenAI's own.
    pub(super) is_openai: bool,
    /// It wants a turn's thinking back.
    pub(super) wants_reasoning: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    messages: Vec<WireMessage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'a str>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: ToolFunction<'a>,
}

#[derive(Serialize)]
struct ToolFunction<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
}

#[derive(Serialize)]
struct WireMessage<'a> {
    role: &'static str,
    content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: Cow<'a, str>,
    arguments: Cow<'a, str>,
}

pub(super) fn encode(request: &ModelRequest, dialect: Dialect) -> Result<Vec<u8>, ProviderError> {
    let limit = request.max_output_tokens;
    let takes_new_name = dialect.is_openai || is_openai_reasoner(&request.model);
    let turn_begins = request
        .messages
        .iter()
        .rposition(|message| matches!(message, ModelMessage::User { .. }))
        .unwrap_or(0);
    let body = Body {
        model: &request.model,
        stream: true,
        stream_options: StreamOptions {
            include_usage: true,
        },
        tools: request
            .tools
            .iter()
            .map(|tool| Tool {
                r#type: "function",
                function: ToolFunction {
                    name: &tool.name,
                    description: &tool.description,
                    parameters: &tool.schema,
                },
            })
            .collect(),
        messages: request
            .messages
            .iter()
            .enumerate()
            .map(|(place, message)| wire(message, dialect.wants_reasoning && place > turn_begins))
            .collect(),
        temperature: request.temperature,
        max_tokens: limit.filter(|_| !takes_new_name),
        max_completion_tokens: limit.filter(|_| takes_new_name),
        reasoning_effort: request.reasoning.as_deref(),
    };
    serde_json::to_vec(&body)
        .map_err(|error| ProviderError::broken(format!("the request is no JSON: {error}")))
}

/// Models that refuse `max_tokens`, also behind a gateway.
fn is_openai_reasoner(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    ["o1", "o3", "o4", "gpt-5", "gpt-6"]
        .iter()
        .any(|family| name.starts_with(family))
}

fn wire(message: &ModelMessage, with_reasoning: bool) -> WireMessage<'_> {
    let plain = |role, content: Cow<'_, str>| WireMessage {
        role,
        content: Some(Cow::Owned(content.into_owned())),
        reasoning_content: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
    };
    match message {
        ModelMessage::System(text) => plain("system", text.into()),
        ModelMessage::User {
            text,
            background: None,
        } => plain("user", text.into()),
        ModelMessage::User {
            text,
            background: Some(background),
        } => plain("user", format!("{background}\n\n{text}").into()),
        ModelMessage::Assistant {
            text,
            reasoning,
            calls,
        } => WireMessage {
            role: "assistant",
            content: (calls.is_empty() || !text.is_empty()).then(|| text.into()),
            reasoning_content: if with_reasoning {
                thinking(reasoning)
            } else {
                None
            },
            tool_calls: calls.iter().map(wire_call).collect(),
            tool_call_id: None,
        },
        ModelMessage::Tool {
            call_id, content, ..
        } => WireMessage {
            tool_call_id: Some(call_id),
            ..plain("tool", content.into())
        },
    }
}

fn thinking(pieces: &[Reasoning]) -> Option<String> {
    let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    (!text.is_empty()).then_some(text)
}

fn wire_call(call: &ToolCall) -> WireCall<'_> {
    WireCall {
        id: &call.id,
        r#type: "function",
        function: WireFunction {
            name: tool_name(&call.name),
            arguments: arguments(&call.arguments),
        },
    }
}

/// Servers refuse a whole conversation for one name that a model made up.
fn tool_name(name: &str) -> Cow<'_, str> {
    let is_fine =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    if !name.is_empty() && name.len() <= 64 && name.chars().all(is_fine) {
        return name.into();
    }
    let mended: String = name
        .chars()
        .take(64)
        .map(|character| if is_fine(character) { character } else { '_' })
        .collect();
    if mended.is_empty() {
        "unnamed".into()
    } else {
        mended.into()
    }
}

/// Nor do they take arguments that are no JSON object, though the model itself wrote them.
fn arguments(written: &str) -> Cow<'_, str> {
    match serde_json::from_str::<Value>(written) {
        Ok(Value::Object(_)) => written.into(),
        _ => json!({ "not_an_object": written }).to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::ToolSpec;

    fn request() -> ModelRequest {
        let call = |id: &str, name: &str, arguments: &str| ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
        };
        let (good, bad) = (
            call("a", "find", r#"{"q": 1}"#),
            call("b", "no such.tool", "{oops"),
        );
        ModelRequest {
            model: "m".into(),
            messages: vec![
                ModelMessage::System("s".into()),
                ModelMessage::User {
                    text: "u".into(),
                    background: Some("b".into()),
                },
                ModelMessage::Assistant {
                    text: String::new(),
                    reasoning: vec![Reasoning {
                        text: "hm".into(),
                        signature: None,
                    }],
                    calls: vec![good.clone(), bad.clone()],
                },
                ModelMessage::result(&good, "r"),
                ModelMessage::result(&bad, "e"),
            ],
            tools: vec![ToolSpec {
                name: "find".into(),
                description: "d".into(),
                schema: json!({"type": "object"}),
            }]
            .into(),
            temperature: None,
            max_output_tokens: Some(9),
            reasoning: None,
        }
    }

    fn body(request: &ModelRequest, dialect: Dialect) -> Value {
        serde_json::from_slice(&encode(request, dialect).unwrap()).unwrap()
    }

    #[test]
    fn a_request_has_the_form_that_servers_take() {
        assert_eq!(
            body(&request(), Dialect::default()),
            json!({
                "model": "m",
                "stream": true,
                "stream_options": {"include_usage": true},
                "max_tokens": 9,
                "tools": [{"type": "function", "function": {
                    "name": "find", "description": "d", "parameters": {"type": "object"},
                }}],
                "messages": [
                    {"role": "system", "content": "s"},
                    {"role": "user", "content": "b\n\nu"},
                    {"role": "assistant", "content": null, "tool_calls": [
                        {"id": "a", "type": "function", "function": {"name": "find", "arguments": "{\"q\": 1}"}},
                        {"id": "b", "type": "function", "function": {
                            "name": "no_such_tool", "arguments": "{\"not_an_object\":\"{oops\"}",
                        }},
                    ]},
                    {"role": "tool", "tool_call_id": "a", "content": "r"},
                    {"role": "tool", "tool_call_id": "b", "content": "e"},
                ],
            })
        );
    }

    #[test]
    fn the_models_name_is_sent_as_it_is_and_decides_no_adapter() {
        for name in ["claude-x-high", "a::b", "gemini-2", "x/o3-mini"] {
            let request = ModelRequest {
                model: name.into(),
                ..request()
            };
            assert_eq!(body(&request, Dialect::default())["model"], name);
        }
    }

    #[test]
    fn openai_itself_wants_the_limit_under_its_new_name() {
        let openai = Dialect {
            is_openai: true,
            ..Dialect::default()
        };
        assert_eq!(body(&request(), openai)["max_completion_tokens"], 9);
        let behind_a_gateway = ModelRequest {
            model: "openai/gpt-5-mini".into(),
            ..request()
        };
        assert_eq!(
            body(&behind_a_gateway, Dialect::default())["max_completion_tokens"],
            9
        );
    }

    #[test]
    fn thinking_goes_back_only_to_servers_that_send_it() {
        let thinker = Dialect {
            wants_reasoning: true,
            ..Dialect::default()
        };
        assert_eq!(
            body(&request(), thinker)["messages"][2]["reasoning_content"],
            "hm"
        );
    }
}
