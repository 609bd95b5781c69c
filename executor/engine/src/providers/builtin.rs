//! The provider that needs nothing: it searches the docs, and says that it is no language model.

mod answer;

use crate::{
    history::CUE,
    model_message::ModelMessage,
    provider::{Delta, ModelRequest, Provider, ReplyStream},
    provider_error::ProviderError,
};
use async_trait::async_trait;
use copilot_core::turn::FinishReason;
use futures::{StreamExt as _, stream};
use serde::de::IgnoredAny;
use serde_json::json;
use std::time::Duration;

/// The tool that it answers with.
const SEARCH: &str = "search_docs";

/// The longest query that it makes of a message.
const LONGEST_QUERY: usize = 400;

const NOTE: &str = "I'm the built-in answerer: no language model is configured, so I can only search the documentation.\n\n";

/// Answers without a model: offline and always the same way.
///
/// A line `/tool NAME {json}` in the message calls that tool; several such lines call several.
/// Otherwise it searches the docs with the message's words, and tells what it found and where.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuiltinProvider {
    pace: Duration,
}

impl BuiltinProvider {
    /// Pauses for `pace` after each word; zero is as fast as it can.
    #[must_use]
    pub const fn new(pace: Duration) -> Self {
        Self { pace }
    }
}

/// A call to make.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    name: String,
    arguments: String,
}

#[async_trait]
impl Provider for BuiltinProvider {
    fn name(&self) -> &'static str {
        "builtin"
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ReplyStream, ProviderError> {
        let (text, wishes) = reply(request);
        let pace = self.pace;
        let deltas = stream::iter(deltas(&text, wishes)).then(move |delta| async move {
            if !pace.is_zero() && matches!(delta, Delta::Text(_)) {
                tokio::time::sleep(pace).await;
            }
            Ok(delta)
        });
        Ok(deltas.boxed())
    }
}

fn reply(request: &ModelRequest) -> (String, Vec<Wish>) {
    let asked = request
        .messages
        .iter()
        .rposition(|message| matches!(message, ModelMessage::User { .. }));
    let (question, since) = match asked.and_then(|place| request.messages.get(place..)) {
        Some([ModelMessage::User { text, .. }, since @ ..]) => (without_attachments(text), since),
        _ => ("", &[][..]),
    };
    let results: Vec<_> = since
        .iter()
        .filter_map(|message| match message {
            ModelMessage::Tool { name, content, .. } => Some((name.as_str(), content.as_str())),
            _ => None,
        })
        .collect();
    if !results.is_empty() {
        let is_search = wishes(question).is_empty();
        return (answer::of_results(&results, is_search), Vec::new());
    }
    let wishes = wishes(question);
    if !wishes.is_empty() {
        let names: Vec<String> = wishes
            .iter()
            .map(|wish| format!("`{}`", wish.name))
            .collect();
        let text = format!(
            "No language model is configured; I call {} as you asked.\n\n",
            names.join(", ")
        );
        return (text, wishes);
    }
    if question == CUE
        || question.trim().is_empty()
        || !request.tools.iter().any(|tool| tool.name == SEARCH)
    {
        return (format!("{NOTE}{}", answer::WHAT_I_CAN_DO), Vec::new());
    }
    let query: String = question
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(LONGEST_QUERY)
        .collect();
    let search = Wish {
        name: SEARCH.to_owned(),
        arguments: json!({ "query": query }).to_string(),
    };
    (NOTE.to_owned(), vec![search])
}

/// The calls that a message asks for: each from its `/tool` to the next one.
fn wishes(message: &str) -> Vec<Wish> {
    let mut wishes: Vec<Wish> = Vec::new();
    for line in message.trim_start().lines() {
        match line.trim_start().strip_prefix("/tool ") {
            Some(wish) => {
                let (name, arguments) = wish
                    .trim()
                    .split_once(char::is_whitespace)
                    .unwrap_or((wish.trim(), ""));
                wishes.push(Wish {
                    name: name.to_owned(),
                    arguments: arguments.trim().to_owned(),
                });
            }
            None => match wishes.last_mut() {
                Some(open) => {
                    open.arguments.push('\n');
                    open.arguments.push_str(line);
                }
                // A message that does not begin with a call asks for none.
                None => return Vec::new(),
            },
        }
    }
    for wish in &mut wishes {
        wish.arguments = first_value(wish.arguments.trim()).to_owned();
    }
    wishes
}

/// The JSON that `text` begins with, an empty object for nothing, or all of it if it is no JSON.
fn first_value(text: &str) -> &str {
    if text.is_empty() {
        return "{}";
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => text.get(..values.byte_offset()).unwrap_or(text),
        _ => text,
    }
}

/// What the person wrote, without the block that names their files.
fn without_attachments(message: &str) -> &str {
    message
        .find("[Attached files]")
        .and_then(|at| message.get(..at))
        .unwrap_or(message)
        .trim_end()
}

fn deltas(text: &str, wishes: Vec<Wish>) -> Vec<Delta> {
    let mut deltas: Vec<Delta> = words(text)
        .map(|word| Delta::Text(word.to_owned()))
        .collect();
    let reason = if wishes.is_empty() {
        FinishReason::Stop
    } else {
        FinishReason::ToolCalls
    };
    for (slot, wish) in wishes.into_iter().enumerate() {
        // The engine makes the ids.
        deltas.push(Delta::CallStart {
            slot,
            id: String::new(),
            name: wish.name,
        });
        let input = words(&wish.arguments).map(|word| Delta::CallInput {
            slot,
            delta: word.to_owned(),
        });
        deltas.extend(input);
    }
    deltas.push(Delta::End(reason));
    deltas
}

/// Each word with the white space behind it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (_, behind) = rest.split_at(word);
        let next = behind
            .find(|character: char| !character.is_whitespace())
            .unwrap_or(behind.len());
        let (piece, tail) = rest.split_at(word + next);
        rest = tail;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::ToolSpec;
    use copilot_core::message::ToolCall;

    fn request(messages: Vec<ModelMessage>) -> ModelRequest {
        ModelRequest {
            model: "builtin".into(),
            messages,
            tools: vec![ToolSpec {
                name: SEARCH.into(),
                description: String::new(),
                schema: json!({}),
            }]
            .into(),
            temperature: None,
            max_output_tokens: None,
            reasoning: None,
        }
    }

    fn after(question: &str, tool: &str, result: &serde_json::Value) -> String {
        let call = ToolCall {
            id: "c".into(),
            name: tool.into(),
            arguments: "{}".into(),
        };
        let messages = vec![
            ModelMessage::user(question),
            ModelMessage::Assistant {
                text: NOTE.into(),
                reasoning: Vec::new(),
                calls: vec![call.clone()],
            },
            ModelMessage::result(&call, result.to_string()),
        ];
        let (text, wishes) = reply(&request(messages));
        assert!(wishes.is_empty());
        text
    }

    #[test]
    fn a_question_becomes_a_search_behind_an_honest_note() {
        let (text, wishes) = reply(&request(vec![ModelMessage::user("How do I\nresume?")]));
        assert!(text.contains("no language model"));
        assert_eq!(
            wishes,
            [Wish {
                name: SEARCH.into(),
                arguments: r#"{"query":"How do I resume?"}"#.into()
            }]
        );
    }

    #[test]
    fn what_was_found_is_told_with_its_place_and_without_a_second_note() {
        let text = after(
            "resume?",
            SEARCH,
            &json!({"type": "doc_search_results", "results": [
                {"title": "The stream", "path": "the-stream.md", "section": "How to resume", "snippet": "Open it again", "score": 7.5}
            ]}),
        );
        for part in [
            "The stream",
            "the-stream.md",
            "How to resume",
            "Open it again",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("language model"));
    }

    #[test]
    fn nothing_found_is_said_and_what_it_can_do_is_suggested() {
        let text = after(
            "hi",
            SEARCH,
            &json!({"type": "no_results", "message": "m", "suggestions": ["Try x"]}),
        );
        assert!(text.contains("found nothing") && text.contains("Try x") && text.contains("/tool"));
    }

    #[test]
    fn tools_are_called_by_hand_one_a_line() {
        assert_eq!(
            wishes("/tool find {\"a\":\n1}\n/tool other"),
            [
                Wish {
                    name: "find".into(),
                    arguments: "{\"a\":\n1}".into()
                },
                Wish {
                    name: "other".into(),
                    arguments: "{}".into()
                },
            ]
        );
        assert_eq!(
            wishes("/tool find {\"a\": 1} please")[0].arguments,
            "{\"a\": 1}"
        );
        assert_eq!(wishes("/tool find {oops")[0].arguments, "{oops");
        assert_eq!(
            without_attachments("/tool find\n\n[Attached files]\n- a.txt"),
            "/tool find"
        );
        assert_eq!(wishes("what does /tool do?"), []);
        assert_eq!(wishes("see\n/tool x"), []);
        let text = after(
            "/tool find {}",
            "find",
            &json!({"type": "x", "message": "It is done."}),
        );
        assert!(
            text.contains("find") && text.contains("It is done."),
            "{text}"
        );
        let failed = after("/tool find {}", "find", &json!({"error": "no such thing"}));
        assert!(
            failed.contains("failed") && failed.contains("no such thing"),
            "{failed}"
        );
    }

    #[test]
    fn words_lose_nothing() {
        let text = "  a b\n\n c  ";
        assert_eq!(words(text).collect::<String>(), text);
        assert_eq!(words("one two").collect::<Vec<_>>(), ["one ", "two"]);
    }
}
