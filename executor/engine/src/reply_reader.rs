//! Reads one reply as it comes: each delta is shown at once, and the whole is gathered.

use crate::{
    call_ids::CallIds,
    in_flight::InFlight,
    journal::{Journal, Show, Stopped},
    provider::{Delta, ReplyStream},
    provider_error::{ProviderError, ProviderErrorKind},
};
use copilot_core::{
    id::IdSource,
    message::{ToolCall, without_nul},
    turn::FinishReason,
};
use futures::StreamExt as _;
use std::{future::Future, pin::Pin, time::Duration};
use tokio_util::sync::WaitForCancellationFuture;

/// The most bytes of one reply; far beyond what models write.
const LONGEST_REPLY: usize = 4 << 20;

/// The most calls of one reply.
const MOST_CALLS: usize = 128;

/// Why a reply did not become whole.
#[derive(Debug)]
pub enum ReadError {
    /// Nobody wants it any more.
    Stopped,
    /// The provider failed.
    Failed(ProviderError),
}

impl From<Stopped> for ReadError {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

/// A whole reply, before anything is done with its calls.
#[derive(Debug)]
pub struct WholeReply {
    /// The text.
    pub text: String,
    /// The calls, in the order in which they began.
    pub calls: Vec<ToolCall>,
    /// Why it ended.
    pub reason: FinishReason,
}

/// Reads one reply.
pub struct ReplyReader<'a, 'c> {
    /// Takes what is to be shown.
    pub journal: &'a mut dyn Journal,
    /// Ends the reading at once.
    pub cancelled: Pin<&'a mut WaitForCancellationFuture<'c>>,
    /// How long the provider may be silent.
    pub idle_timeout: Duration,
    /// The session's call ids.
    pub call_ids: &'a mut CallIds,
    /// Where new ids come from.
    pub ids: &'a dyn IdSource,
    /// Where the cost is kept.
    pub in_flight: &'a InFlight,
    /// Whether something of this reply was shown: from then on it cannot be tried again.
    pub is_visible: bool,
}

impl ReplyReader<'_, '_> {
    /// Waits for `what`, but not longer than the provider may be silent, and not once the turn
    /// is cancelled.
    pub async fn unless_idle<T>(&mut self, what: impl Future<Output = T>) -> Result<T, ReadError> {
        tokio::select! {
            biased;
            () = &mut self.cancelled => Err(ReadError::Stopped),
            answer = tokio::time::timeout(self.idle_timeout, what) => answer.map_err(|_elapsed| {
                let summary = format!("silent for {} s", self.idle_timeout.as_secs_f64());
                ReadError::Failed(ProviderError::new(ProviderErrorKind::Idle, summary))
            }),
        }
    }

    /// Reads to the end.
    pub async fn read(&mut self, mut stream: ReplyStream) -> Result<WholeReply, ReadError> {
        let mut whole = WholeReply {
            text: String::new(),
            calls: Vec::new(),
            reason: FinishReason::Other,
        };
        let mut bytes = 0_usize;
        loop {
            let Some(delta) = self.unless_idle(stream.next()).await? else {
                return Err(ReadError::Failed(ProviderError::broken(
                    "the stream ended without its end marker",
                )));
            };
            match delta.map_err(ReadError::Failed)? {
                Delta::Text(text) if !text.is_empty() => {
                    let text = without_nul(text);
                    bytes += text.len();
                    self.in_flight.wrote(text.len());
                    whole.text.push_str(&text);
                    self.show(Show::Text(text)).await?;
                }
                Delta::Reasoning { text, signature } => {
                    let text = without_nul(text);
                    bytes += text.len();
                    self.in_flight.thought(&text, signature);
                    if !text.is_empty() {
                        self.show(Show::Reasoning(text)).await?;
                    }
                }
                Delta::CallStart { slot, id, name } => {
                    check(
                        slot == whole.calls.len() && slot < MOST_CALLS,
                        "too many calls, or in no order",
                    )?;
                    let id = self.call_ids.take(&id, self.ids);
                    let name = tool_name(name);
                    whole.calls.push(ToolCall {
                        id: id.clone(),
                        name: name.clone(),
                        arguments: String::new(),
                    });
                    self.show(Show::CallStarts { id, name }).await?;
                }
                Delta::CallInput { slot, delta } if !delta.is_empty() => {
                    let delta = without_nul(delta);
                    bytes += delta.len();
                    self.in_flight.wrote(delta.len());
                    let call = whole
                        .calls
                        .get_mut(slot)
                        .ok_or_else(|| misfit("input of a call that never began"))?;
                    call.arguments.push_str(&delta);
                    let id = call.id.clone();
                    self.show(Show::CallInput { id, delta }).await?;
                }
                Delta::Usage(usage) => self.in_flight.reported(usage),
                Delta::Text(_) | Delta::CallInput { .. } | Delta::Alive => {}
                Delta::End(reason) => return Ok(WholeReply { reason, ..whole }),
            }
            check(
                bytes <= LONGEST_REPLY,
                "the reply is longer than any reply may be",
            )?;
        }
    }

    async fn show(&mut self, what: Show) -> Result<(), ReadError> {
        self.is_visible = true;
        Ok(self.journal.show(what).await?)
    }
}

fn check(holds: bool, otherwise: &str) -> Result<(), ReadError> {
    if holds {
        Ok(())
    } else {
        Err(misfit(otherwise))
    }
}

fn misfit(summary: &str) -> ReadError {
    ReadError::Failed(ProviderError::broken(summary))
}

/// A name of bounded length; one that long names no tool anyway.
fn tool_name(name: String) -> String {
    let name = without_nul(name);
    if name.is_empty() {
        "unnamed".to_owned()
    } else {
        name.chars().take(128).collect()
    }
}
