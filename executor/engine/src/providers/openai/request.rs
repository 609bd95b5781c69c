//! A request in OpenAI's form. The same conversation gives the same bytes, so that the server's
//! prompt cache hits.

use super::{
    dialect::{AfterTool, Dialect, EffortForm, LimitName, SchemaForm, UsageInStream},
    plain_schema::plain,
};
use crate::{
    effort::Effort,
    model_message::ModelMessage,
    provider::ModelRequest,
    provider_error::ProviderError,
    providers::{call_id_rule::CallIdRule, seal::Seal},
};
use copilot_core::message::{Reasoning, ToolCall};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Stands where a server wants a word of the assistant and there was none.
const NO_WORD: &str = "(The answer was interrupted.)";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
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
    reasoning_effort: Option<&'static str>,
    /// The vendor's own field, by its name.
    #[serde(flatten)]
    own: Option<Value>,
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
    parameters: Cow<'a, Value>,
}

#[derive(Serialize)]
struct WireMessage<'a> {
    role: &'static str,
    content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: Cow<'a, str>,
    r#type: &'static str,
    function: WireFunction<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Value>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: Cow<'a, str>,
    arguments: Cow<'a, str>,
}

pub(super) fn encode(request: &ModelRequest, dialect: Dialect) -> Result<Vec<u8>, ProviderError> {
    let limit = request.max_output_tokens;
    let takes_new_name = match dialect.limit {
        LimitName::ByModel => is_openai_reasoner(&request.model),
        LimitName::MaxTokens => false,
        LimitName::MaxCompletionTokens => true,
    };
    let (reasoning_effort, own) = effort(request.reasoning, dialect.effort);
    let body = Body {
        model: &request.model,
        stream: true,
        stream_options: (dialect.usage == UsageInStream::OnRequest).then_some(StreamOptions {
            include_usage: true,
        }),
        tools: request
            .tools
            .iter()
            .map(|tool| Tool {
                r#type: "function",
                function: ToolFunction {
                    name: &tool.name,
                    description: &tool.description,
                    parameters: match dialect.schemas {
                        SchemaForm::Full => Cow::Borrowed(&tool.schema),
                        SchemaForm::Plain => Cow::Owned(plain(&tool.schema)),
                    },
                },
            })
            .collect(),
        messages: conversation(request, dialect),
        temperature: request.temperature,
        max_tokens: limit.filter(|_| !takes_new_name),
        max_completion_tokens: limit.filter(|_| takes_new_name),
        reasoning_effort,
        own,
    };
    serde_json::to_vec(&body)
        .map_err(|error| ProviderError::broken(format!("the request is no JSON: {error}")))
}

fn conversation(request: &ModelRequest, dialect: Dialect) -> Vec<WireMessage<'_>> {
    let turn_begins = request
        .messages
        .iter()
        .rposition(|message| matches!(message, ModelMessage::User { .. }))
        .unwrap_or(0);
    let mut messages: Vec<WireMessage<'_>> = Vec::with_capacity(request.messages.len());
    for (place, message) in request.messages.iter().enumerate() {
        let thinking = if place > turn_begins {
            Thinking::Kept
        } else {
            Thinking::Dropped
        };
        let is_after_tool = messages.last().is_some_and(|last| last.role == "tool");
        if dialect.after_tool == AfterTool::Assistant
            && is_after_tool
            && matches!(message, ModelMessage::User { .. })
        {
            messages.push(of_role("assistant", NO_WORD.into()));
        }
        messages.push(wire(message, thinking, dialect.call_ids));
    }
    messages
}

/// The word for `reasoning_effort`, and the vendor's own field.
fn effort(wanted: Option<Effort>, form: EffortForm) -> (Option<&'static str>, Option<Value>) {
    let Some(effort) = wanted else {
        return (None, None);
    };
    let switch = || {
        let state = if effort == Effort::None {
            "disabled"
        } else {
            "enabled"
        };
        Some(json!({"thinking": {"type": state}}))
    };
    match (form, effort) {
        (EffortForm::Google, Effort::Budget(tokens)) => {
            let config = json!({"thinking_config": {"thinking_budget": tokens}});
            (None, Some(json!({"extra_body": {"google": config}})))
        }
        (EffortForm::Word | EffortForm::Google, _) => (effort.word(), None),
        (EffortForm::SwitchAndWord, Effort::None) | (EffortForm::Switch, _) => (None, switch()),
        (EffortForm::SwitchAndWord, _) => (effort.word(), switch()),
        (EffortForm::Object, Effort::Budget(tokens)) => {
            (None, Some(json!({"reasoning": {"max_tokens": tokens}})))
        }
        (EffortForm::Object, _) => (None, Some(json!({"reasoning": {"effort": effort.word()}}))),
    }
}

/// Models that refuse `max_tokens`, also behind a gateway.
fn is_openai_reasoner(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    ["o1", "o3", "o4", "gpt-5", "gpt-6"]
        .iter()
        .any(|family| name.starts_with(family))
}

/// Whether a reply's thinking goes back: only the turn that runs gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thinking {
    Kept,
    Dropped,
}

fn of_role<'a>(role: &'static str, content: Cow<'a, str>) -> WireMessage<'a> {
    WireMessage {
        role,
        content: Some(content),
        reasoning_content: None,
        reasoning_details: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
    }
}

fn wire(message: &ModelMessage, thinking: Thinking, ids: CallIdRule) -> WireMessage<'_> {
    match message {
        ModelMessage::System(text) => of_role("system", text.into()),
        ModelMessage::User {
            text,
            background: None,
        } => of_role("user", text.into()),
        ModelMessage::User {
            text,
            background: Some(background),
        } => of_role("user", format!("{background}\n\n{text}").into()),
        ModelMessage::Assistant {
            text,
            reasoning,
            calls,
        } => {
            let reasoning = match thinking {
                Thinking::Kept => &**reasoning,
                Thinking::Dropped => &[],
            };
            WireMessage {
                role: "assistant",
                content: (calls.is_empty() || !text.is_empty()).then(|| text.into()),
                reasoning_content: content_of(reasoning),
                reasoning_details: details_of(reasoning),
                tool_calls: calls
                    .iter()
                    .enumerate()
                    .map(|(slot, call)| WireCall {
                        extra_content: signature_of(slot, reasoning),
                        ..wire_call(call, ids)
                    })
                    .collect(),
                tool_call_id: None,
            }
        }
        ModelMessage::Tool {
            call_id, content, ..
        } => WireMessage {
            tool_call_id: Some(ids.fit(call_id)),
            ..of_role("tool", content.into())
        },
    }
}

fn content_of(pieces: &[Reasoning]) -> Option<String> {
    Seal::all(pieces).find(|seal| *seal == Seal::Content)?;
    Some(pieces.iter().map(|piece| piece.text.as_str()).collect())
}

fn details_of(pieces: &[Reasoning]) -> Option<Value> {
    Seal::all(pieces).find_map(|seal| match seal {
        Seal::Details(json) => serde_json::from_str(json).ok(),
        _ => None,
    })
}

/// Gemini refuses a turn whose signed calls come back unsigned.
fn signature_of(slot: usize, pieces: &[Reasoning]) -> Option<Value> {
    Seal::all(pieces).find_map(|seal| match seal {
        Seal::Call {
            slot: signed,
            signature,
        } if signed == slot => Some(json!({"google": {"thought_signature": signature}})),
        _ => None,
    })
}

fn wire_call(call: &ToolCall, ids: CallIdRule) -> WireCall<'_> {
    WireCall {
        id: ids.fit(&call.id),
        r#type: "function",
        function: WireFunction {
            name: tool_name(&call.name),
            arguments: arguments(&call.arguments),
        },
        extra_content: None,
    }
}

/// Servers refuse a whole conversation for one name that a model made up.
pub(in crate::providers) fn tool_name(name: &str) -> Cow<'_, str> {
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
                        signature: Some("google-call 0 SIG".into()),
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
            body(&request(), Dialect::OPENAI),
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
                        {"id": "a", "type": "function", "function": {"name": "find", "arguments": "{\"q\": 1}"},
                         "extra_content": {"google": {"thought_signature": "SIG"}}},
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
            assert_eq!(body(&request, Dialect::OPENAI)["model"], name);
        }
    }

    #[test]
    fn the_limit_has_the_name_that_the_server_takes() {
        let of = |model: &str, dialect| {
            let request = ModelRequest {
                model: model.into(),
                ..request()
            };
            let body = body(&request, dialect);
            let under = |name: &str| body.get(name).is_some();
            (under("max_tokens"), under("max_completion_tokens"))
        };
        for model in ["gpt-5.4-mini", "openai/gpt-5-mini", "o3"] {
            assert_eq!(of(model, Dialect::OPENAI), (false, true), "{model}");
        }
        assert_eq!(of("llama", Dialect::OPENAI), (true, false));
        assert_eq!(of("openai/gpt-5-mini", Dialect::OPEN_ROUTER), (true, false));
        assert_eq!(of("llama", Dialect::GROQ), (false, true));
    }

    #[test]
    fn thinking_goes_back_only_to_servers_that_send_it() {
        let with = |seal: &str| {
            let mut request = request();
            let ModelMessage::Assistant { reasoning, .. } = &mut request.messages[2] else {
                panic!("no answer");
            };
            reasoning.push(Reasoning {
                text: " so".into(),
                signature: Some(seal.into()),
            });
            body(&request, Dialect::OPENAI)["messages"][2].clone()
        };
        assert_eq!(with("reasoning-content")["reasoning_content"], "hm so");
        let detailed = with(r#"open-router-details [{"text": "hm"}]"#);
        assert_eq!(detailed["reasoning_details"], json!([{"text": "hm"}]));
        assert_eq!(detailed.get("reasoning_content"), None);
        assert_eq!(
            with("anthropic-thinking 0 0 S").get("reasoning_content"),
            None
        );
    }

    #[test]
    fn a_former_turn_gets_nothing_of_its_thinking_back() {
        let mut request = request();
        request.messages.push(ModelMessage::user("next"));
        let bytes = encode(&request, Dialect::GEMINI).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("reasoning_content") && !text.contains("thought_signature"));
    }

    #[test]
    fn mistral_gets_no_unknown_field_nine_letters_and_no_user_after_a_tool() {
        let mut request = request();
        request.messages.push(ModelMessage::user("next"));
        let body = body(&request, Dialect::MISTRAL);
        assert_eq!(body.get("stream_options"), None);
        let id = &body["messages"][2]["tool_calls"][0]["id"];
        assert_eq!(id.as_str().unwrap().len(), 9);
        assert_eq!(id, &body["messages"][3]["tool_call_id"]);
        let roles: Vec<&str> = body["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["role"].as_str().unwrap())
            .collect();
        assert_eq!(roles[3..], ["tool", "tool", "assistant", "user"]);
    }

    #[test]
    fn cohere_is_not_asked_for_usage() {
        assert_eq!(
            body(&request(), Dialect::COHERE).get("stream_options"),
            None
        );
    }

    #[test]
    fn each_vendor_is_told_the_effort_in_its_own_way() {
        let told = |effort, dialect| {
            let request = ModelRequest {
                reasoning: Some(effort),
                ..request()
            };
            let body = body(&request, dialect);
            let fields = ["reasoning_effort", "thinking", "reasoning", "extra_body"];
            let told: Vec<Value> = fields
                .iter()
                .filter_map(|field| Some(json!({ *field: body.get(field)? })))
                .collect();
            Value::from(told)
        };
        let word = json!([{"reasoning_effort": "high"}]);
        for dialect in [
            Dialect::OPENAI,
            Dialect::GEMINI,
            Dialect::OLLAMA,
            Dialect::GROQ,
            Dialect::XAI,
            Dialect::MISTRAL,
            Dialect::TOGETHER,
            Dialect::FIREWORKS,
            Dialect::COHERE,
        ] {
            assert_eq!(told(Effort::High, dialect), word, "{}", dialect.name);
        }
        assert_eq!(
            told(Effort::Budget(99), Dialect::GEMINI),
            json!([{"extra_body": {"google": {"thinking_config": {"thinking_budget": 99}}}}])
        );
        assert_eq!(
            told(Effort::High, Dialect::DEEPSEEK),
            json!([{"reasoning_effort": "high"}, {"thinking": {"type": "enabled"}}])
        );
        assert_eq!(
            told(Effort::None, Dialect::DEEPSEEK),
            json!([{"thinking": {"type": "disabled"}}])
        );
        assert_eq!(
            told(Effort::Low, Dialect::ZAI),
            json!([{"thinking": {"type": "enabled"}}])
        );
        assert_eq!(
            told(Effort::Low, Dialect::OPEN_ROUTER),
            json!([{"reasoning": {"effort": "low"}}])
        );
        assert_eq!(
            told(Effort::Budget(99), Dialect::OPEN_ROUTER),
            json!([{"reasoning": {"max_tokens": 99}}])
        );
    }
}
