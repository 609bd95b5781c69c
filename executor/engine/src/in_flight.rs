//! The cost of a reply that is not complete. Whoever writes the partial answer of a cancelled or
//! failed turn reads it here, so that stopped turns are counted too.

use crate::model_message::ModelMessage;
use copilot_core::{message::Reasoning, turn::Usage};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// A reply that is not complete, as far as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct PartialReply {
    /// What it has used: as reported, else estimated.
    pub usage: Usage,
    /// The model that writes it.
    pub model: String,
    /// The thinking so far.
    pub reasoning: Vec<Reasoning>,
    /// For how long it has been written, in milliseconds.
    pub duration_ms: u64,
}

#[derive(Debug)]
struct Writing {
    model: String,
    input_bytes: usize,
    output_bytes: usize,
    reasoning: Vec<Reasoning>,
    reported: Option<Usage>,
    began: Instant,
}

/// A look at the reply in flight, shared between the engine and the turn's owner.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<Mutex<Option<Writing>>>);

impl InFlight {
    /// The reply that is not durable yet; none between replies.
    #[must_use]
    pub fn partial(&self) -> Option<PartialReply> {
        self.with(|writing| {
            writing.as_ref().map(|writing| PartialReply {
                usage: writing.usage(),
                model: writing.model.clone(),
                reasoning: writing.reasoning.clone(),
                duration_ms: millis(writing.began),
            })
        })
    }

    pub(crate) fn begin(&self, model: &str, messages: &[ModelMessage]) {
        let writing = Writing {
            model: model.to_owned(),
            input_bytes: messages.iter().map(ModelMessage::weight).sum(),
            output_bytes: 0,
            reasoning: Vec::new(),
            reported: None,
            began: Instant::now(),
        };
        self.with(|slot| *slot = Some(writing));
    }

    pub(crate) fn wrote(&self, bytes: usize) {
        self.with(|slot| {
            if let Some(writing) = slot {
                writing.output_bytes += bytes;
            }
        });
    }

    pub(crate) fn thought(&self, text: &str, signature: Option<String>) {
        self.with(|slot| {
            if let Some(writing) = slot {
                writing.output_bytes += text.len();
                append_reasoning(&mut writing.reasoning, text, signature);
            }
        });
    }

    pub(crate) fn reported(&self, usage: Usage) {
        self.with(|slot| {
            if let Some(writing) = slot {
                writing.reported = Some(usage);
            }
        });
    }

    /// The reply is durable, or was never shown.
    pub(crate) fn forget(&self) {
        self.with(|slot| *slot = None);
    }

    fn with<T>(&self, action: impl FnOnce(&mut Option<Writing>) -> T) -> T {
        // Plain values, replaced whole: a panic elsewhere leaves nothing half done.
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Writing {
    /// About four bytes a token, unless the provider has counted. Some count the input when the
    /// reply begins and the output only at its end: until then the output is an estimate.
    fn usage(&self) -> Usage {
        let tokens = |bytes: usize| bytes.div_ceil(4) as u64;
        if let Some(reported) = self.reported {
            if !reported.estimated {
                return reported;
            }
            let output = reported.output_tokens.max(tokens(self.output_bytes));
            return Usage {
                output_tokens: output,
                total_tokens: reported.input_tokens + output,
                ..reported
            };
        }
        let (input, output) = (tokens(self.input_bytes), tokens(self.output_bytes));
        let reasoning: usize = self.reasoning.iter().map(|piece| piece.text.len()).sum();
        Usage {
            input_tokens: input,
            output_tokens: output,
            cached_input_tokens: 0,
            reasoning_tokens: tokens(reasoning),
            total_tokens: input + output,
            estimated: true,
        }
    }
}

/// Text continues the last piece until that one is signed.
fn append_reasoning(pieces: &mut Vec<Reasoning>, text: &str, signature: Option<String>) {
    match pieces.last_mut() {
        Some(open) if open.signature.is_none() => open.text.push_str(text),
        _ => pieces.push(Reasoning {
            text: text.to_owned(),
            signature: None,
        }),
    }
    if let (Some(signature), Some(last)) = (signature, pieces.last_mut()) {
        last.signature = Some(signature);
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_output_of_a_cut_reply_is_estimated_where_only_the_input_was_counted() {
        let in_flight = InFlight::default();
        in_flight.begin("m", &[ModelMessage::user("12345678")]);
        in_flight.reported(Usage {
            input_tokens: 50,
            output_tokens: 1,
            cached_input_tokens: 40,
            total_tokens: 51,
            estimated: true,
            ..Usage::default()
        });
        in_flight.wrote(12);
        let usage = in_flight.partial().unwrap().usage;
        assert_eq!(
            (usage.input_tokens, usage.output_tokens, usage.total_tokens),
            (50, 3, 53)
        );
        assert!(usage.estimated && usage.cached_input_tokens == 40);
    }

    #[tokio::test]
    async fn a_cut_reply_is_estimated_and_a_reported_one_is_not() {
        let in_flight = InFlight::default();
        assert_eq!(in_flight.partial(), None);
        in_flight.begin("m", &[ModelMessage::user("12345678")]);
        in_flight.wrote(5);
        let usage = in_flight.partial().unwrap().usage;
        assert_eq!(
            (usage.input_tokens, usage.output_tokens, usage.estimated),
            (2, 2, true)
        );

        let reported = Usage {
            input_tokens: 9,
            output_tokens: 1,
            total_tokens: 10,
            ..Usage::default()
        };
        in_flight.reported(reported);
        assert_eq!(in_flight.partial().unwrap().usage, reported);
        in_flight.forget();
        assert_eq!(in_flight.partial(), None);
    }

    #[tokio::test]
    async fn a_signature_closes_a_piece_of_thinking() {
        let in_flight = InFlight::default();
        in_flight.begin("m", &[]);
        in_flight.thought("a", None);
        in_flight.thought("b", Some("s".into()));
        in_flight.thought("c", None);
        let pieces = in_flight.partial().unwrap().reasoning;
        assert_eq!(pieces.len(), 2);
        assert_eq!(
            (pieces[0].text.as_str(), pieces[0].signature.as_deref()),
            ("ab", Some("s"))
        );
        assert_eq!(pieces[1].text, "c");
    }
}
