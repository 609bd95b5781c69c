//! The journal of one attempt: numbers what the engine shows, makes its durable points
//! durable, and ends the turn.

use crate::{
    appender::{BACKLOG, Told, Unsaved},
    halt::{Halt, StopCause},
    lease::LeaseClock,
    metrics::ExecutorMetrics,
    naming::Naming,
};
use async_trait::async_trait;
use copilot_core::{
    event::{Entry, Event},
    id::IdSource,
    ledger::{CallOutcome, LedgerCall},
    message::{NewMessage, Role},
    outline::{Outline, living},
    pen::{Ending, Pen},
    port::{
        PortError,
        store::{Commit, EndCommit, Fence, Groundwork, ReplyCommit, ResultCommit, Store, end_of},
        turn_ends::EndedTurn,
    },
    service::last_words::{Draft, last_words},
    turn::{FinishReason, Turn, TurnError, Usage},
};
use copilot_engine::{InFlight, Journal, Reply, Show, Stopped};
use rand::RngExt;
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};

/// First and longest pause between tries of a commit while the database is away.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Between two warnings about one commit that waits.
const WARN_AGAIN: Duration = Duration::from_secs(30);

/// What an attempt needs beside its turn.
pub(crate) struct JournalParts {
    pub store: Arc<dyn Store>,
    pub ids: Arc<dyn IdSource>,
    pub lease: Arc<LeaseClock>,
    pub halt: Arc<Halt>,
    /// The title that is being made.
    pub naming: Option<Naming>,
    pub metrics: Arc<ExecutorMetrics>,
    pub claimed_at: Instant,
}

/// What the last reply has cost.
struct Cost {
    model: String,
    usage: Usage,
}

/// Writes down one attempt at one turn.
pub(crate) struct TurnJournal {
    parts: JournalParts,
    fence: Fence,
    turn: Turn,
    pen: Pen,
    unsaved: Arc<Unsaved>,
    told: mpsc::Sender<Told>,
    next_place: u32,
    /// Calls of the last committed reply, while one of them is not done.
    unfinished: Vec<LedgerCall>,
    in_flight: InFlight,
    /// Calls that the turn's replies have made.
    tools: usize,
    /// From the claim to the first piece of the answer.
    first_delta: Option<Duration>,
    /// Whether the last commit may have been stored all the same: then nothing more may be
    /// written on top of what this attempt believes.
    is_in_doubt: bool,
    ended: Option<EndedTurn>,
}

impl TurnJournal {
    /// Opens the journal of a claimed turn. A later attempt begins with the mark that makes
    /// what the former one showed after the last durable point void.
    pub(crate) fn open(
        parts: JournalParts,
        turn: Turn,
        groundwork: &Groundwork,
    ) -> (Self, Arc<Unsaved>, mpsc::Receiver<Told>) {
        let (told, heard) = mpsc::channel(BACKLOG);
        let unsaved = Arc::new(Unsaved::default());
        let fence = Fence {
            key: turn.key(),
            attempt: turn.attempt,
        };
        let mut pen = Pen::new(turn.attempt, Outline::of(&living(&groundwork.parts)));
        if turn.attempt > 1 {
            let from = end_of(&groundwork.parts);
            let reset = Event::Reset {
                from,
                step: turn.steps + 1,
                attempt: turn.attempt,
            };
            // Goes out with the first begin, which writes all that is unsaved.
            unsaved.push(pen.write(reset));
        }
        let own = groundwork
            .history
            .iter()
            .filter(|message| message.turn_id == turn.id);
        let tools = own.map(|message| message.tool_calls.len()).sum();
        let journal = Self {
            parts,
            fence,
            turn,
            pen,
            unsaved: Arc::clone(&unsaved),
            told,
            next_place: groundwork.next_place,
            unfinished: groundwork.unfinished.clone(),
            in_flight: InFlight::default(),
            tools,
            first_delta: None,
            is_in_doubt: false,
            ended: None,
        };
        (journal, unsaved, heard)
    }

    /// Where the engine notes what the reply in flight has cost.
    pub(crate) fn in_flight(&self) -> InFlight {
        self.in_flight.clone()
    }

    /// The end, once it is committed.
    pub(crate) const fn ended(&self) -> Option<EndedTurn> {
        self.ended
    }

    /// Ends the turn before its answer was whole, keeping what there is of it.
    pub(crate) async fn conclude(&mut self, ending: Ending) -> Result<(), Stopped> {
        if self.is_in_doubt {
            return Err(Stopped);
        }
        let draft = Draft::of(&self.unsaved.all());
        let ids = self.parts.ids.as_ref();
        let mut messages = last_words(
            &self.turn,
            &self.unfinished,
            draft,
            &ending,
            self.next_place,
            ids,
        );
        let mut last = None;
        // What a stopped reply has cost counts too.
        if let (Some(partial), Some(answer)) = (self.in_flight.partial(), messages.last_mut()) {
            answer.metadata.usage = Some(partial.usage);
            answer.metadata.model = Some(partial.model.clone());
            answer.metadata.duration_ms = Some(partial.duration_ms);
            last = Some(Cost {
                model: partial.model,
                usage: partial.usage,
            });
        }
        self.end(&ending, last, self.turn.steps, messages).await
    }

    /// Says that nothing more will come. After a committed end this also ends the stream.
    pub(crate) async fn close(self) {
        if self.ended.is_some() {
            // A closed channel means that the stream is another's: nothing to end.
            let _ = self.told.send(Told::Finish).await;
        }
    }

    fn note_first_delta(&mut self) {
        let after = self.parts.claimed_at.elapsed();
        self.first_delta = Some(after);
        let is_first = self.turn.attempt == 1 && self.turn.steps == 0;
        if is_first {
            self.parts.metrics.first_chunk(after);
        }
    }

    async fn tell(&self, entry: Entry) -> Result<(), Stopped> {
        self.told
            .send(Told::Entry(entry))
            .await
            .map_err(|_| Stopped)
    }

    async fn show_all(&mut self, entries: impl IntoIterator<Item = Entry>) -> Result<(), Stopped> {
        for entry in entries {
            self.unsaved.push(entry.clone());
            self.tell(entry).await?;
        }
        Ok(())
    }

    /// Makes `commit` durable, trying again while the database is away and the lease is good.
    async fn persist<F>(
        &mut self,
        commit: impl Fn(Arc<dyn Store>, Fence) -> F,
    ) -> Result<(), Stopped>
    where
        F: Future<Output = Result<Commit, PortError>>,
    {
        let (mut pause, longest) = RETRY_PAUSE;
        let mut warned_at: Option<Instant> = None;
        loop {
            let error = match commit(Arc::clone(&self.parts.store), self.fence).await {
                Ok(Commit::Done) => return Ok(()),
                Ok(Commit::Fenced) => {
                    self.parts.halt.stop(StopCause::Fenced);
                    return Err(Stopped);
                }
                Err(error) => error,
            };
            // Somebody else, or the next start, goes on from the last durable point.
            let let_go = matches!(
                self.parts.halt.cause(),
                Some(StopCause::Fenced | StopCause::Drained)
            );
            if let_go || !self.parts.lease.is_good() || !error.is_unavailable() {
                tracing::error!(turn_id = %self.turn.id, %error, source = %error.source, "commit failed");
                self.is_in_doubt = true;
                return Err(Stopped);
            }
            if warned_at.is_none_or(|at| at.elapsed() >= WARN_AGAIN) {
                tracing::warn!(turn_id = %self.turn.id, %error, source = %error.source, "commit waits for the database");
                warned_at = Some(Instant::now());
            }
            let jitter = rand::rng().random_range(0.5..1.5);
            tokio::time::sleep(pause.mul_f64(jitter)).await;
            pause = (pause * 2).min(longest);
        }
    }

    async fn end(
        &mut self,
        ending: &Ending,
        last: Option<Cost>,
        steps: u32,
        messages: Vec<NewMessage>,
    ) -> Result<(), Stopped> {
        let spent = last.as_ref().map(|cost| cost.usage).unwrap_or_default();
        let usage = self.turn.usage.plus(spent);
        let closing = self.pen.end(self.turn.id, ending, usage);
        let mut parts = self.unsaved.all();
        parts.extend(closing.iter().cloned());
        let commit = EndCommit {
            status: ending.status(),
            steps,
            finish_reason: ending.finish_reason(),
            usage,
            error: ending.error().cloned(),
            messages,
            parts,
        };
        self.persist(|store, fence| {
            let commit = commit.clone();
            async move { store.commit_end(fence, commit).await }
        })
        .await?;
        if let Some(Cost { model, usage }) = last {
            self.parts.metrics.replied(&model, usage);
        }
        self.ended = Some(EndedTurn {
            key: self.fence.key,
            attempt: self.fence.attempt,
            status: ending.status(),
            finish_reason: ending.finish_reason(),
            steps,
            tools: self.tools,
            usage,
            first_delta: self.first_delta,
            created_at: self.turn.created_at,
            started_at: self.turn.started_at,
        });
        self.unsaved.clear();
        if let Some(naming) = self.parts.naming.take() {
            naming.show().await;
        }
        for entry in closing {
            // The turn has ended; a stream that is another's is its own affair.
            if self.tell(entry).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    fn assistant_message(&self, reply: &Reply, reason: Option<FinishReason>) -> NewMessage {
        let id = if self.turn.steps == 0 {
            self.turn.answer_id
        } else {
            self.parts.ids.next().into()
        };
        let mut message = NewMessage::empty(id, self.next_place, Role::Assistant);
        let only_calls = reply.text.is_empty() && !reply.calls.is_empty();
        message.content = (!only_calls).then(|| reply.text.clone());
        message.tool_calls = reply.calls.iter().map(|(call, _)| call.clone()).collect();
        message.reasoning.clone_from(&reply.reasoning);
        message.metadata.model = Some(reply.model.clone());
        message.metadata.usage = Some(reply.usage);
        message.metadata.duration_ms = Some(reply.duration_ms);
        message.metadata.finish_reason = reason;
        message
    }

    /// Blocks are closed before a tool's input.
    fn after_block(&mut self, event: Event) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.pen.close_block().into_iter().collect();
        entries.push(self.pen.write(event));
        entries
    }

    fn tool_messages(&self) -> Vec<NewMessage> {
        let mut place = self.next_place;
        let mut messages = Vec::with_capacity(self.unfinished.len());
        for call in &self.unfinished {
            if let Some(outcome) = &call.outcome {
                let id = self.parts.ids.next().into();
                messages.push(NewMessage::tool_result(
                    id,
                    place,
                    &call.call,
                    outcome.for_model(),
                ));
                place += 1;
            }
        }
        messages
    }
}

#[async_trait]
impl Journal for TurnJournal {
    async fn show(&mut self, what: Show) -> Result<(), Stopped> {
        if self.first_delta.is_none() && !matches!(what, Show::StepStarts) {
            self.note_first_delta();
        }
        let entries = match what {
            Show::StepStarts => vec![self.pen.write(Event::StartStep)],
            Show::Text(delta) => self.pen.text(delta),
            Show::Reasoning(delta) => self.pen.reasoning(delta),
            Show::CallStarts { id, name } => self.after_block(Event::ToolInputStart {
                tool_call_id: id,
                tool_name: name,
            }),
            Show::CallInput { id, delta } => {
                vec![self.pen.write(Event::ToolInputDelta {
                    tool_call_id: id,
                    input_text_delta: delta,
                })]
            }
            Show::CallReady { id, name, input } => self.after_block(Event::ToolInputAvailable {
                tool_call_id: id,
                tool_name: name,
                input,
            }),
            Show::CallRefused {
                id,
                name,
                input,
                error,
            } => self.after_block(Event::ToolInputError {
                tool_call_id: id,
                tool_name: name,
                input,
                error_text: error,
            }),
        };
        self.show_all(entries).await
    }

    async fn commit_reply(&mut self, reply: Reply) -> Result<(), Stopped> {
        let close = self.pen.close_block();
        self.show_all(close).await?;
        let step = self.turn.steps + 1;
        let usage = self.turn.usage.plus(reply.usage);
        let calls: Vec<LedgerCall> = (0..)
            .zip(&reply.calls)
            .map(|(index, (call, effect))| LedgerCall {
                call: call.clone(),
                index,
                step,
                effect: *effect,
                outcome: None,
            })
            .collect();
        let commit = ReplyCommit {
            step,
            message: self.assistant_message(&reply, None),
            calls: calls.clone(),
            usage,
            parts: self.unsaved.all(),
        };
        self.persist(|store, fence| {
            let commit = commit.clone();
            async move { store.commit_reply(fence, commit).await }
        })
        .await?;
        self.parts.metrics.replied(&reply.model, reply.usage);
        self.unsaved.clear();
        self.next_place += 1;
        self.tools += calls.len();
        self.turn.steps = step;
        self.turn.usage = usage;
        self.unfinished = calls;
        Ok(())
    }

    fn may_start_tool(&self) -> bool {
        self.parts.halt.cause().is_none() && self.parts.lease.is_good()
    }

    async fn commit_result(&mut self, call_id: &str, outcome: CallOutcome) -> Result<(), Stopped> {
        for call in self
            .unfinished
            .iter_mut()
            .filter(|call| call.call.id == call_id)
        {
            call.outcome = Some(outcome.clone());
        }
        let last = self.unfinished.iter().all(|call| call.outcome.is_some());
        let tool_call_id = call_id.to_owned();
        let answer = match outcome.clone() {
            CallOutcome::Output(output) => Event::ToolOutputAvailable {
                tool_call_id,
                output,
            },
            CallOutcome::Error(error_text) => Event::ToolOutputError {
                tool_call_id,
                error_text,
            },
        };
        let mut entries = vec![self.pen.write(answer)];
        if last {
            entries.push(self.pen.write(Event::FinishStep));
        }
        let mut parts = self.unsaved.all();
        parts.extend(entries.iter().cloned());
        let messages = if last {
            self.tool_messages()
        } else {
            Vec::new()
        };
        let stored = u32::try_from(messages.len()).unwrap_or(u32::MAX);
        let commit = ResultCommit {
            call_id: call_id.to_owned(),
            outcome,
            messages,
            parts,
        };
        self.persist(|store, fence| {
            let commit = commit.clone();
            async move { store.commit_result(fence, commit).await }
        })
        .await?;
        self.unsaved.clear();
        if last {
            self.next_place += stored;
            self.unfinished.clear();
        }
        // Durable first, shown second: what a reader sees of a tool is never taken back.
        for entry in entries {
            self.tell(entry).await?;
        }
        Ok(())
    }

    async fn commit_end(
        &mut self,
        reply: Option<Reply>,
        reason: FinishReason,
    ) -> Result<(), Stopped> {
        let steps = self.turn.steps + u32::from(reply.is_some());
        let messages = reply
            .iter()
            .map(|reply| self.assistant_message(reply, Some(reason)))
            .collect();
        let last = reply.map(|reply| Cost {
            model: reply.model,
            usage: reply.usage,
        });
        self.end(&Ending::Completed(reason), last, steps, messages)
            .await
    }

    async fn commit_failure(&mut self, error: TurnError) -> Result<(), Stopped> {
        self.conclude(Ending::Failed(error)).await
    }
}
