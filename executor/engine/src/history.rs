//! From stored messages to what a model may be sent. Providers refuse a conversation in which a
//! call has no result or a result no call, so whatever a crash or a cancel left is mended here.

use crate::model_message::ModelMessage;
use copilot_core::{
    ledger::CallOutcome,
    message::{Message, MessageStatus, Role, TURN_SPAN, ToolCall},
    turn::{OpeningRole, Turn},
};
use std::collections::{HashMap, HashSet};

/// What the model is told of a call whose result was lost.
pub const INTERRUPTED: &str = "outcome unknown: the call was interrupted";

/// What begins a turn that no message of the person began.
pub const CUE: &str = "[The message above was placed in this conversation. Go on from there: help with what it is about.]";

/// The messages that the model sees of `stored`, the background beside the message that began
/// the turn. Not mended yet: see [`valid`].
#[must_use]
pub fn messages(turn: &Turn, stored: &[Message], background: String) -> Vec<ModelMessage> {
    let end = (turn.number + 1).saturating_mul(TURN_SPAN);
    let mut messages = Vec::with_capacity(stored.len() + 2);
    let mut background = Some(background);
    for message in stored
        .iter()
        .filter(|message| message.sequence < end && is_shown(turn, message))
    {
        let begins_turn = message.turn_id == turn.id && background.is_some();
        let converted = convert(message);
        match (turn.request.opening_role, converted) {
            (OpeningRole::User, ModelMessage::User { text, .. }) if begins_turn => {
                messages.push(ModelMessage::User {
                    text,
                    background: background.take(),
                });
            }
            (OpeningRole::Assistant, opening) if begins_turn => {
                messages.push(opening);
                messages.push(ModelMessage::User {
                    text: CUE.to_owned(),
                    background: background.take(),
                });
            }
            (_, converted) => messages.push(converted),
        }
    }
    if let Some(background) = background {
        attach(&mut messages, background);
    }
    messages
}

/// A turn without a message of its own answers the last one there is.
fn attach(messages: &mut Vec<ModelMessage>, added: String) {
    let last = messages.iter_mut().rev().find_map(|message| match message {
        ModelMessage::User { background, .. } => Some(background),
        _ => None,
    });
    match last {
        Some(background) => *background = Some(added),
        None => messages.push(ModelMessage::User {
            text: CUE.to_owned(),
            background: Some(added),
        }),
    }
}

/// A message that waits, or whose turn was cancelled before it ran, is not for the model.
fn is_shown(turn: &Turn, message: &Message) -> bool {
    match message.metadata.status {
        None => true,
        Some(MessageStatus::Queued) => message.turn_id == turn.id,
        Some(MessageStatus::Cancelled) => false,
    }
}

fn convert(message: &Message) -> ModelMessage {
    let text = message.content.clone().unwrap_or_default();
    match message.role {
        Role::System => ModelMessage::System(text),
        Role::User => ModelMessage::User {
            text,
            background: None,
        },
        Role::Assistant => ModelMessage::Assistant {
            text,
            reasoning: message.reasoning.clone(),
            calls: message.tool_calls.clone(),
        },
        Role::Tool => ModelMessage::Tool {
            call_id: message.tool_call_id.clone().unwrap_or_default(),
            name: message.name.clone().unwrap_or_default(),
            content: text,
        },
    }
}

/// `messages`, mended: each call has exactly one result right behind the message that made it,
/// in the order of the calls; ids are unique; there is no result without a call, and no empty
/// message of the copilot.
#[must_use]
pub fn valid(messages: Vec<ModelMessage>) -> Vec<ModelMessage> {
    let mut mended = Vec::with_capacity(messages.len());
    let mut used = HashSet::new();
    let mut rest = messages.into_iter().peekable();
    while let Some(message) = rest.next() {
        match message {
            ModelMessage::Assistant { text, calls, .. }
                if calls.is_empty() && text.trim().is_empty() => {}
            ModelMessage::Assistant {
                text,
                reasoning,
                calls,
            } => {
                let mut results = HashMap::new();
                while let Some(ModelMessage::Tool {
                    call_id, content, ..
                }) = rest.next_if(|next| matches!(next, ModelMessage::Tool { .. }))
                {
                    results.entry(call_id).or_insert(content);
                }
                let (calls, answers) = answered(calls, results, &mut used);
                mended.push(ModelMessage::Assistant {
                    text,
                    reasoning,
                    calls,
                });
                mended.extend(answers);
            }
            // Nobody made this call.
            ModelMessage::Tool { .. } => {}
            other => mended.push(other),
        }
    }
    mended
}

/// The calls under unique ids, and a result for each.
fn answered(
    calls: Vec<ToolCall>,
    mut results: HashMap<String, String>,
    used: &mut HashSet<String>,
) -> (Vec<ToolCall>, Vec<ModelMessage>) {
    calls
        .into_iter()
        .map(|call| {
            let content = results
                .remove(&call.id)
                .unwrap_or_else(|| CallOutcome::Error(INTERRUPTED.to_owned()).for_model());
            let call = ToolCall {
                id: unused(&call.id, used),
                ..call
            };
            let result = ModelMessage::result(&call, content);
            (call, result)
        })
        .unzip()
}

/// `wanted`, or a name like it that is not taken.
fn unused(wanted: &str, used: &mut HashSet<String>) -> String {
    let wanted = if wanted.is_empty() { "call" } else { wanted };
    let mut id = wanted.to_owned();
    let mut number = 1_u32;
    while !used.insert(id.clone()) {
        number += 1;
        id = format!("{wanted}-{number}");
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn call(id: &str) -> ToolCall {
        ToolCall {
            id: id.into(),
            name: "find".into(),
            arguments: "{}".into(),
        }
    }

    fn asks(text: &str, ids: &[&str]) -> ModelMessage {
        ModelMessage::Assistant {
            text: text.into(),
            reasoning: Vec::new(),
            calls: ids.iter().map(|id| call(id)).collect(),
        }
    }

    fn result(id: &str, content: &str) -> ModelMessage {
        ModelMessage::result(&call(id), content)
    }

    /// What a provider checks.
    fn broken_rule(messages: &[ModelMessage]) -> Option<String> {
        let mut seen = HashSet::new();
        let mut waiting: Vec<String> = Vec::new();
        for message in messages {
            match message {
                ModelMessage::Tool { call_id, .. } => {
                    if waiting.first() != Some(call_id) {
                        return Some(format!("{call_id} is answered, {waiting:?} waits"));
                    }
                    waiting.remove(0);
                }
                _ if !waiting.is_empty() => return Some(format!("{waiting:?} has no result")),
                ModelMessage::Assistant { text, calls, .. } => {
                    if calls.is_empty() && text.trim().is_empty() {
                        return Some("an empty message".into());
                    }
                    for call in calls {
                        if call.id.is_empty() || !seen.insert(call.id.clone()) {
                            return Some(format!("id {:?} twice or empty", call.id));
                        }
                        waiting.push(call.id.clone());
                    }
                }
                ModelMessage::System(_) | ModelMessage::User { .. } => {}
            }
        }
        (!waiting.is_empty()).then(|| format!("{waiting:?} has no result at the end"))
    }

    #[test]
    fn a_valid_conversation_stays_as_it_is() {
        let messages = vec![
            ModelMessage::user("u"),
            asks("t", &["a", "b"]),
            result("a", "1"),
            result("b", "2"),
            asks("done", &[]),
        ];
        assert_eq!(valid(messages.clone()), messages);
    }

    #[test]
    fn results_stand_in_the_order_of_the_calls_and_lost_ones_are_told() {
        let mended = valid(vec![
            asks("", &["a", "b", "c"]),
            result("c", "3"),
            result("a", "1"),
            result("a", "again"),
            result("x", "orphan"),
            ModelMessage::user("u"),
            result("b", "too late"),
        ]);
        assert_eq!(
            mended,
            [
                asks("", &["a", "b", "c"]),
                result("a", "1"),
                result("b", &format!(r#"{{"error":"{INTERRUPTED}"}}"#)),
                result("c", "3"),
                ModelMessage::user("u"),
            ]
        );
    }

    fn any_message() -> impl Strategy<Value = ModelMessage> {
        let id = prop::sample::select(vec!["", "a", "b", "c", "a-2"]);
        let text = prop::sample::select(vec!["", " ", "text"]);
        prop_oneof![
            text.clone().prop_map(ModelMessage::user),
            text.clone()
                .prop_map(|text| ModelMessage::System(text.into())),
            (text, prop::collection::vec(id.clone(), 0..4))
                .prop_map(|(text, ids)| asks(text, &ids)),
            id.prop_map(|id| result(id, "r")),
        ]
    }

    proptest! {
        #[test]
        fn whatever_was_stored_the_model_gets_a_valid_conversation(
            messages in prop::collection::vec(any_message(), 0..24)
        ) {
            let people = |messages: &[ModelMessage]| {
                messages.iter().filter(|message| matches!(message, ModelMessage::User { .. })).count()
            };
            let before = people(&messages);
            let mended = valid(messages);
            prop_assert_eq!(broken_rule(&mended), None);
            prop_assert_eq!(people(&mended), before);
            prop_assert_eq!(valid(mended.clone()), mended);
        }
    }
}
