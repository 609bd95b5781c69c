//! The model of one process: plays the book, and looks at what it is asked.

use crate::{
    book::{Book, Flaw, Said, Step},
    faults::{Faults, What, When},
    log::Log,
};
use async_trait::async_trait;
use copilot_core::turn::{FinishReason, Usage};
use copilot_engine::{
    Delta, ModelRequest, Provider, ProviderError, ProviderErrorKind, ReplyStream, history,
    model_message::ModelMessage,
};
use futures::StreamExt as _;
use std::{collections::VecDeque, sync::Arc};

pub(crate) struct Player {
    pub(crate) book: Arc<Book>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) log: Arc<Log>,
}

enum Act {
    Say(Delta),
    Fail(ProviderErrorKind),
    Panic,
    Hang,
}

#[async_trait]
impl Provider for Player {
    fn name(&self) -> &'static str {
        "player"
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ReplyStream, ProviderError> {
        let (key, step) = self.place(&request.messages);
        let Some((script, played, said)) = self.book.invoke(&key, step) else {
            self.book.complain(format!("{key} has no step {step}"));
            return Err(ProviderError::new(
                ProviderErrorKind::Refused,
                "not in the book",
            ));
        };
        self.log.note(
            &self.faults.name,
            format!("model asked for {key}.{step}#{}", said.invocation),
        );
        let acts = acts(&played, said)?;
        let faults = Arc::clone(&self.faults);
        let pace = script.pace;
        let stream =
            futures::stream::unfold((acts, faults), move |(mut acts, faults)| async move {
                let act = acts.pop_front()?;
                tokio::time::sleep(pace).await;
                let passed = faults.pass(What::Delta, When::Before).await;
                let item = match act {
                    Act::Say(delta) => passed
                        .map(|()| delta)
                        .map_err(|_| ProviderError::broken("by order")),
                    Act::Fail(kind) => Err(ProviderError::new(kind, "by the book")),
                    Act::Panic => {
                        std::panic::resume_unwind(Box::new("the model panics by the book"))
                    }
                    Act::Hang => std::future::pending().await,
                };
                Some((item, (acts, faults)))
            });
        Ok(stream.boxed())
    }
}

impl Player {
    /// Which message is to be answered, and by which step.
    fn place(&self, messages: &[ModelMessage]) -> (String, u32) {
        let conversation = &messages[1..];
        if history::valid(conversation.to_vec()) != conversation {
            self.book
                .complain(format!("an invalid conversation: {conversation:?}"));
        }
        let mended = |message: &ModelMessage| matches!(message, ModelMessage::Tool { content, .. } if content.contains(history::INTERRUPTED));
        if conversation.iter().any(mended) {
            self.book
                .complain(format!("a stored call had no result: {conversation:?}"));
        }
        let asked = conversation
            .iter()
            .rposition(|message| matches!(message, ModelMessage::User { .. }));
        let Some((at, ModelMessage::User { text, .. })) = asked.map(|at| (at, &conversation[at]))
        else {
            self.book.complain("nobody asked".to_owned());
            return (String::new(), 0);
        };
        let replies = conversation[at..].iter();
        let steps = replies
            .filter(|message| matches!(message, ModelMessage::Assistant { .. }))
            .count();
        (text.clone(), u32::try_from(steps + 1).unwrap())
    }
}

fn acts(step: &Step, said: Said) -> Result<VecDeque<Act>, ProviderError> {
    let mut acts = VecDeque::new();
    for text in said.reasoning {
        acts.push_back(Act::Say(Delta::Reasoning {
            text,
            signature: None,
        }));
    }
    let half = said.text.len().div_ceil(2);
    for (n, text) in said.text.into_iter().enumerate() {
        if n == half {
            acts.extend(flaw(step.flaw, said.invocation));
        }
        acts.push_back(Act::Say(Delta::Text(text)));
    }
    for (slot, call) in said.calls.into_iter().enumerate() {
        acts.push_back(Act::Say(Delta::CallStart {
            slot,
            id: call.id,
            name: call.name,
        }));
        let (front, back) = call.arguments.split_at(call.arguments.len() / 2);
        for piece in [front, back] {
            acts.push_back(Act::Say(Delta::CallInput {
                slot,
                delta: piece.to_owned(),
            }));
        }
    }
    let usage = Usage {
        input_tokens: 7,
        output_tokens: 5,
        total_tokens: 12,
        ..Usage::default()
    };
    acts.push_back(Act::Say(Delta::Usage(usage)));
    let reason = if step.calls.is_empty() {
        FinishReason::Stop
    } else {
        FinishReason::ToolCalls
    };
    acts.push_back(Act::Say(Delta::End(reason)));
    match step.flaw {
        Flaw::Refused(times) if said.invocation <= times => Err(ProviderError::new(
            ProviderErrorKind::Unavailable { retry_after: None },
            "by the book",
        )),
        _ => Ok(acts),
    }
}

fn flaw(flaw: Flaw, invocation: u32) -> Option<Act> {
    match flaw {
        Flaw::Panics(times) if invocation <= times => Some(Act::Panic),
        Flaw::Breaks => Some(Act::Fail(ProviderErrorKind::Broken)),
        Flaw::Hangs => Some(Act::Hang),
        Flaw::None | Flaw::Refused(_) | Flaw::Panics(_) => None,
    }
}
