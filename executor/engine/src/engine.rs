//! The loop: prompt, model, tools, and again, until the model has said all.

use crate::{
    call_ids::{CallIds, OwnIds},
    call_runner::{FatalToolError, run_call},
    config::EngineConfig,
    history,
    jitter::Jitter,
    journal::{Journal, Reply, Show, Stopped},
    model_message::ModelMessage,
    model_step::{ModelStep, StepError},
    prompt::Prompt,
    provider::{ModelRequest, Provider},
    registry::{Registry, read_arguments},
    reply_reader::{ReplyReader, WholeReply},
    tool::ToolContext,
    tool_meter::ToolMeter,
    turn_input::TurnInput,
};
use copilot_core::{
    id::IdSource,
    ledger::{CallOutcome, Effect, LedgerCall},
    message::ToolCall,
    turn::{ErrorCode, FinishReason, TurnError},
};
use futures::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;
use std::{collections::HashMap, pin::Pin, pin::pin, sync::Arc};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

/// What the model is told of a [`Effect::Once`] call that was cut by a crash.
pub const UNKNOWN_OUTCOME: &str =
    "its outcome is unknown: the copilot was interrupted while it ran; check before you repeat it";

/// What an engine is made of.
pub struct EngineParts {
    /// The models.
    pub provider: Arc<dyn Provider>,
    /// The tools.
    pub registry: Arc<Registry>,
    /// The words.
    pub prompt: Prompt,
    /// The operator's decisions.
    pub config: EngineConfig,
    /// Where ids of calls come from.
    pub ids: Arc<dyn IdSource>,
    /// Spreads retries.
    pub jitter: Arc<dyn Jitter>,
    /// Hears how long tools take.
    pub meter: Arc<dyn ToolMeter>,
}

/// Runs turns. One for the process; it keeps nothing of a turn.
pub struct Engine {
    pub(crate) parts: EngineParts,
}

/// How the loop leaves a turn early.
enum Halt {
    Stopped,
    Failed(TurnError),
}

impl From<Stopped> for Halt {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

impl Engine {
    /// An engine of these parts.
    #[must_use]
    pub const fn new(parts: EngineParts) -> Self {
        Self { parts }
    }

    /// Runs `input` to its end, from its last durable point.
    ///
    /// Returns `Ok` after [`Journal::commit_end`] or [`Journal::commit_failure`] has returned,
    /// and [`Stopped`] when the journal or `cancel` says so: at once, with the model hung up on
    /// and the tools dropped. A call of the journal that is under way is always awaited, never
    /// dropped. What then is open (partial answer, unanswered calls) is for the journal's owner
    /// to close; [`TurnInput::in_flight`] tells what it has cost.
    pub async fn run(
        &self,
        input: &TurnInput,
        journal: &mut dyn Journal,
        cancel: CancellationToken,
    ) -> Result<(), Stopped> {
        let cancelled = pin!(cancel.cancelled());
        let mut run = Run {
            parts: &self.parts,
            input,
            journal,
            cancelled,
            cancel: &cancel,
        };
        match run.finish().await {
            Ok(()) => Ok(()),
            Err(Halt::Stopped) => Err(Stopped),
            Err(Halt::Failed(error)) => run.journal.commit_failure(error).await,
        }
    }
}

/// One turn on its way.
struct Run<'a, 'c> {
    parts: &'a EngineParts,
    input: &'a TurnInput,
    journal: &'a mut dyn Journal,
    cancelled: Pin<&'a mut WaitForCancellationFuture<'c>>,
    cancel: &'a CancellationToken,
}

impl Run<'_, '_> {
    async fn finish(&mut self) -> Result<(), Halt> {
        let config = &self.parts.config;
        let turn = &self.input.turn;
        let models = config.models_for(turn.request.model.as_deref());
        let resumed = self.finish_step().await?;
        let mut request = self.request(resumed)?;
        let own = if turn.attempt > 1 {
            OwnIds::Always
        } else {
            OwnIds::WhereNeeded
        };
        let mut call_ids = CallIds::new(self.used_ids(), own);
        let mut steps = turn.steps;
        loop {
            if steps >= config.max_steps {
                return Ok(self
                    .journal
                    .commit_end(None, FinishReason::ToolCalls)
                    .await?);
            }
            self.journal.show(Show::StepStarts).await?;
            let whole = self.ask(&models, &mut request, &mut call_ids).await?;
            steps += 1;
            if whole.calls.is_empty() {
                let reason = end_of(whole.reason);
                let reply = self.reply(whole, &request);
                self.journal.commit_end(Some(reply), reason).await?;
                self.input.in_flight.forget();
                return Ok(());
            }
            let outcomes = self.call_step(whole, &mut request).await?;
            request.messages.extend(outcomes);
        }
    }

    /// Takes up the step that a former attempt left among its calls.
    async fn finish_step(&mut self) -> Result<Vec<ModelMessage>, Halt> {
        let unfinished = &self.input.unfinished;
        let mut outcomes: HashMap<String, CallOutcome> = unfinished
            .iter()
            .filter_map(|row| Some((row.call.id.clone(), row.outcome.clone()?)))
            .collect();
        let mut again = Vec::new();
        for LedgerCall {
            call,
            effect,
            outcome,
            ..
        } in unfinished
        {
            match (outcome, effect) {
                (Some(_), _) => {}
                (None, Effect::Pure | Effect::Idempotent) => again.push(call),
                (None, Effect::Once) => {
                    let outcome = CallOutcome::Error(UNKNOWN_OUTCOME.to_owned());
                    self.journal
                        .commit_result(&call.id, outcome.clone())
                        .await?;
                    outcomes.insert(call.id.clone(), outcome);
                }
            }
        }
        outcomes.extend(self.run_calls(&again).await?);
        Ok(results(unfinished.iter().map(|row| &row.call), &outcomes))
    }

    /// The first request; later steps only add to its end.
    fn request(&self, resumed: Vec<ModelMessage>) -> Result<ModelRequest, Halt> {
        let TurnInput { turn, history, .. } = self.input;
        let EngineParts {
            prompt,
            config,
            registry,
            ..
        } = self.parts;
        let background = prompt.background(turn).map_err(|error| {
            tracing::error!(turn_id = %turn.id, error = &error as &dyn std::error::Error, "no prompt");
            Halt::Failed(internal())
        })?;
        let mut conversation = history::messages(turn, history, background);
        conversation.extend(resumed);
        let mut messages = vec![ModelMessage::System(prompt.system().to_owned())];
        messages.extend(history::valid(conversation));
        Ok(ModelRequest {
            model: String::new(),
            messages,
            tools: registry.specs(),
            temperature: config.temperature,
            max_output_tokens: config.max_output_tokens,
            reasoning: config.reasoning,
        })
    }

    fn used_ids(&self) -> impl Iterator<Item = String> {
        let stored = self
            .input
            .history
            .iter()
            .flat_map(|message| &message.tool_calls);
        let unfinished = self.input.unfinished.iter().map(|row| &row.call);
        stored.chain(unfinished).map(|call| call.id.clone())
    }

    async fn ask(
        &mut self,
        models: &[String],
        request: &mut ModelRequest,
        call_ids: &mut CallIds,
    ) -> Result<WholeReply, Halt> {
        let EngineParts {
            provider,
            config,
            jitter,
            ids,
            ..
        } = self.parts;
        let mut reader = ReplyReader {
            journal: &mut *self.journal,
            cancelled: self.cancelled.as_mut(),
            idle_timeout: config.idle_timeout,
            call_ids,
            ids: &**ids,
            in_flight: &self.input.in_flight,
            is_visible: false,
        };
        let step = ModelStep {
            provider: &**provider,
            config,
            jitter: &**jitter,
            models,
        };
        step.run(request, &mut reader)
            .await
            .map_err(|error| match error {
                StepError::Stopped => Halt::Stopped,
                StepError::Failed(error) => Halt::Failed(error),
            })
    }

    /// The second half of a step: makes the reply durable, runs its calls, and gives the results
    /// in the order of the calls. The reply itself joins the request here.
    async fn call_step(
        &mut self,
        mut whole: WholeReply,
        request: &mut ModelRequest,
    ) -> Result<Vec<ModelMessage>, Halt> {
        for call in &mut whole.calls {
            if call.arguments.trim().is_empty() {
                "{}".clone_into(&mut call.arguments);
            }
            let input = read_arguments(&call.arguments)
                .unwrap_or_else(|_| Value::String(call.arguments.clone()));
            let (id, name) = (call.id.clone(), call.name.clone());
            let ready = match self.parts.registry.prepare(&name, &call.arguments) {
                Ok(_) => Show::CallReady { id, name, input },
                Err(error) => Show::CallRefused {
                    id,
                    name,
                    input,
                    error,
                },
            };
            self.journal.show(ready).await?;
        }
        let calls = whole.calls.clone();
        let reply = self.reply(whole, request);
        request.messages.push(ModelMessage::Assistant {
            text: reply.text.clone(),
            reasoning: reply.reasoning.clone(),
            calls: calls.clone(),
        });
        self.journal.commit_reply(reply).await?;
        self.input.in_flight.forget();
        let outcomes = self.run_calls(&calls.iter().collect::<Vec<_>>()).await?;
        Ok(results(&calls, &outcomes))
    }

    fn reply(&self, whole: WholeReply, request: &ModelRequest) -> Reply {
        let cost = self.input.in_flight.partial();
        let effect = |call: ToolCall| {
            let effect = self.parts.registry.effect(&call.name);
            (call, effect)
        };
        let (usage, reasoning, duration_ms) = cost
            .map(|cost| (cost.usage, cost.reasoning, cost.duration_ms))
            .unwrap_or_default();
        Reply {
            text: whole.text,
            reasoning,
            calls: whole.calls.into_iter().map(effect).collect(),
            usage,
            model: request.model.clone(),
            duration_ms,
        }
    }

    /// Runs calls side by side and makes each outcome durable as it comes.
    async fn run_calls(
        &mut self,
        calls: &[&ToolCall],
    ) -> Result<HashMap<String, CallOutcome>, Halt> {
        // Ends with this step, however it ends, and with it all that its tools have started.
        let step = self.cancel.child_token().drop_guard();
        let context = |call: &ToolCall| ToolContext {
            session_id: self.input.turn.session_id,
            user_id: self.input.turn.user_id.clone(),
            turn_id: self.input.turn.id,
            call_id: call.id.clone(),
            cancel: step.token().child_token(),
        };
        let mut outcomes = HashMap::new();
        let mut waiting = calls.iter();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < self.parts.config.max_tools_at_once.max(1) {
                let Some(call) = waiting.next() else { break };
                if !self.journal.may_start_tool() {
                    return Err(Halt::Stopped);
                }
                let EngineParts {
                    registry, meter, ..
                } = self.parts;
                let context = context(call);
                running.push(async move {
                    let (name, arguments) = (&call.name, &call.arguments);
                    let ended = run_call(registry, &**meter, context, name, arguments).await;
                    (call.id.as_str(), ended)
                });
            }
            let ended = tokio::select! {
                biased;
                () = &mut self.cancelled => return Err(Halt::Stopped),
                ended = running.next() => ended,
            };
            let Some((call_id, ended)) = ended else {
                return Ok(outcomes);
            };
            let outcome = match ended {
                Ok(outcome) => outcome,
                Err(error) => return Err(self.give_up(call_id, &error).await?),
            };
            self.journal.commit_result(call_id, outcome.clone()).await?;
            outcomes.insert(call_id.to_owned(), outcome);
        }
    }

    /// A tool's own fault: the call is answered, then the turn fails.
    async fn give_up(&mut self, call_id: &str, error: &FatalToolError) -> Result<Halt, Stopped> {
        tracing::error!(turn_id = %self.input.turn.id, call_id, reason = error.reason, %error, "the turn fails");
        let outcome = CallOutcome::Error(format!(
            "{} failed because of a fault of the server",
            error.tool
        ));
        self.journal.commit_result(call_id, outcome).await?;
        Ok(Halt::Failed(internal()))
    }
}

/// The tool messages of a step, in the order of its calls.
fn results<'a>(
    calls: impl IntoIterator<Item = &'a ToolCall>,
    outcomes: &HashMap<String, CallOutcome>,
) -> Vec<ModelMessage> {
    calls
        .into_iter()
        .filter_map(|call| {
            Some(ModelMessage::result(
                call,
                outcomes.get(&call.id)?.for_model(),
            ))
        })
        .collect()
}

/// A model that says it wants tools and names none has nothing more to say.
const fn end_of(reason: FinishReason) -> FinishReason {
    match reason {
        FinishReason::ToolCalls => FinishReason::Stop,
        other => other,
    }
}

fn internal() -> TurnError {
    TurnError::retryable(
        ErrorCode::Internal,
        "Something went wrong on our side. Please try again.",
    )
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
