//! The messages that a turn leaves when it ends before its answer was whole.

use crate::{
    event::{Entry, Event},
    id::IdSource,
    ledger::{CallOutcome, LedgerCall},
    message::{NewMessage, Reasoning, Role},
    pen::{CALL_STOPPED, Ending},
    turn::Turn,
};

/// What was shown of a reply that never became durable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// The text so far.
    pub text: String,
    /// The thinking so far.
    pub reasoning: String,
}

impl Draft {
    /// Gathers the draft from the entries after the last durable point.
    #[must_use]
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut draft = Self::default();
        for entry in entries {
            match &entry.event {
                Event::TextDelta { delta, .. } => draft.text.push_str(delta),
                Event::ReasoningDelta { delta, .. } => draft.reasoning.push_str(delta),
                _ => {}
            }
        }
        draft
    }
}

/// The last messages of a turn that was cancelled or failed: an answer for each call of the
/// unfinished step, so that the history stays valid, then the partial text. The assistant
/// message is there even if it is empty, so that a reload shows what happened. A turn that
/// never ran leaves nothing.
#[must_use]
pub fn last_words(
    turn: &Turn,
    unfinished: &[LedgerCall],
    draft: Draft,
    ending: &Ending,
    next_place: u32,
    ids: &dyn IdSource,
) -> Vec<NewMessage> {
    if turn.started_at.is_none() {
        return Vec::new();
    }
    let mut messages = Vec::new();
    let mut place = next_place;
    for call in unfinished {
        let stopped = CallOutcome::Error(CALL_STOPPED.to_owned());
        let content = call.outcome.as_ref().unwrap_or(&stopped).for_model();
        messages.push(NewMessage::tool_result(
            ids.next().into(),
            place,
            &call.call,
            content,
        ));
        place += 1;
    }
    let id = if turn.steps == 0 {
        turn.answer_id
    } else {
        ids.next().into()
    };
    let mut answer = NewMessage::text(id, place, Role::Assistant, draft.text);
    if !draft.reasoning.is_empty() {
        answer.reasoning.push(Reasoning {
            text: draft.reasoning,
            signature: None,
        });
    }
    answer.metadata.finish_reason = Some(ending.finish_reason());
    answer.metadata.error = ending.error().cloned();
    messages.push(answer);
    messages
}
