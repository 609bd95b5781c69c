//! A session's messages as the AI SDK's `UIMessage`s: what `useChat` starts from after a load.

mod fold;

use crate::sse::Profile;
use copilot_core::{
    message::{Message, Role},
    port::store::{Exchange, Recorded},
    turn::TurnStatus,
};
use fold::Fold;
use poem_openapi::{Enum, Object, types::Any};
use serde_json::{Value, json};

/// Who speaks in a UIMessage
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub(crate) enum UiRole {
    User,
    Assistant,
}

/// A message as the AI SDK shows it
#[derive(Object)]
#[oai(rename = "UIMessage")]
pub(crate) struct UiMessage {
    /// What the client called the message, else its own id
    id: String,
    /// Who speaks
    role: UiRole,
    /// `turnId`; on an answer also `sessionId`, `usage` and `finishReason`, on a message that is
    /// not answered `status`
    metadata: Any<Value>,
    /// Its parts
    parts: Vec<Any<Value>>,
}

/// The messages of exchanges, each answer behind the message that it answers. An unfinished
/// turn's answer is left out: its stream is the only source of that.
pub(crate) fn messages_of(exchanges: Vec<Exchange>, profile: Profile) -> Vec<UiMessage> {
    let of_one = |exchange: Exchange| {
        let Exchange {
            opening,
            client_id,
            recorded,
        } = exchange;
        let answer = answer(&recorded, profile);
        [Some(question(opening, client_id, &recorded)), answer]
    };
    exchanges.into_iter().flat_map(of_one).flatten().collect()
}

fn question(opening: Message, client_id: Option<String>, recorded: &Recorded) -> UiMessage {
    let turn = &recorded.turn;
    let mut metadata = json!({"turnId": turn.id});
    let status = match turn.status {
        TurnStatus::Queued => Some("queued"),
        TurnStatus::Cancelled if turn.started_at.is_none() => Some("cancelled"),
        _ => None,
    };
    if let (Some(status), Value::Object(fields)) = (status, &mut metadata) {
        fields.insert("status".to_owned(), status.into());
    }
    let text = opening.content.unwrap_or_default();
    UiMessage {
        id: client_id.unwrap_or_else(|| opening.id.to_string()),
        role: match opening.role {
            Role::User => UiRole::User,
            _ => UiRole::Assistant,
        },
        metadata: Any(metadata),
        parts: vec![Any(json!({"type": "text", "text": text}))],
    }
}

/// What the turn's stream would have built.
fn answer(recorded: &Recorded, profile: Profile) -> Option<UiMessage> {
    if !recorded.turn.status.is_terminal() {
        return None;
    }
    let mut fold = Fold::new(profile);
    for entry in &recorded.parts {
        fold.push(&entry.event);
    }
    let (metadata, parts) = fold.finish();
    Some(UiMessage {
        id: recorded.turn.answer_id.to_string(),
        role: UiRole::Assistant,
        metadata: Any(metadata),
        parts: parts.into_iter().map(Any).collect(),
    })
}
