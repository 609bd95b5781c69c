//! A scripted provider, a journal that writes down, and tools that say what they did.

use super::{Engine, EngineParts};
use crate::{
    config::EngineConfig,
    history,
    jitter::Jitter,
    journal::{Journal, Reply, Show, Stopped},
    model_message::ModelMessage,
    prompt::Prompt,
    provider::{Delta, ModelRequest, Provider, ReplyStream},
    provider_error::{ProviderError, ProviderErrorKind},
    registry::Registry,
    tool::{Tool, ToolContext, ToolError},
    tool_erased::erase,
    tool_meter::{ToolEnd, ToolMeter},
    turn_input::TurnInput,
};
use async_trait::async_trait;
use chrono::{TimeZone as _, Utc};
use copilot_core::{
    id::{IdSource, UserId},
    ledger::{CallOutcome, Effect, LedgerCall},
    message::{Message, MessageMetadata, Role, ToolCall, sequence},
    turn::{FinishReason, OpeningRole, Turn, TurnError, TurnRequest, TurnStatus, Usage},
};
use futures::StreamExt as _;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The turn with number 1, run by its first attempt.
pub(crate) fn turn() -> Turn {
    let at = Utc.with_ymd_and_hms(2026, 3, 3, 14, 5, 0).unwrap();
    Turn {
        id: Uuid::from_u128(1).into(),
        session_id: Uuid::from_u128(2).into(),
        user_id: Some(UserId::new("ada")),
        number: 1,
        status: TurnStatus::Running,
        attempt: 1,
        owner: None,
        lost_attempts: 0,
        steps: 0,
        durable: copilot_core::position::Position::ZERO,
        cancel_requested: false,
        answer_id: Uuid::from_u128(3).into(),
        request: TurnRequest::default(),
        finish_reason: None,
        usage: Usage::default(),
        error: None,
        created_at: at,
        started_at: Some(at),
        deadline_at: None,
        finished_at: None,
    }
}

/// A stored message at `place` of turn `number`.
pub(crate) fn message(number: i64, place: u32, role: Role, text: &str) -> Message {
    Message {
        id: Uuid::from_u128(100 + u128::from(place)).into(),
        session_id: turn().session_id,
        turn_id: if number == 1 {
            turn().id
        } else {
            Uuid::from_u128(50).into()
        },
        sequence: sequence(number, place),
        role,
        content: (!text.is_empty()).then(|| text.to_owned()),
        name: None,
        tool_call_id: None,
        tool_calls: Vec::new(),
        reasoning: Vec::new(),
        created_at: turn().created_at,
        metadata: MessageMetadata::default(),
    }
}

/// The turn that answers `text`.
pub(crate) fn asked(text: &str) -> TurnInput {
    TurnInput::new(turn(), vec![message(1, 0, Role::User, text)])
}

/// A turn that an assistant's message begins.
pub(crate) fn greeted(text: &str) -> TurnInput {
    let mut input = TurnInput::new(turn(), vec![message(1, 0, Role::Assistant, text)]);
    input.turn.request.opening_role = OpeningRole::Assistant;
    input
}

pub(crate) fn call(id: &str, name: &str, arguments: &Value) -> ToolCall {
    ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.to_string(),
    }
}

/// A turn that a second attempt takes up among the calls of its first step.
pub(crate) fn taken_over(calls: &[(ToolCall, Effect, Option<CallOutcome>)]) -> TurnInput {
    let mut input = asked("go on");
    input.turn.attempt = 2;
    input.turn.steps = 1;
    let mut reply = message(1, 1, Role::Assistant, "");
    reply.tool_calls = calls.iter().map(|(call, ..)| call.clone()).collect();
    input.history.push(reply);
    input.unfinished = calls
        .iter()
        .zip(0..)
        .map(|((call, effect, outcome), index)| LedgerCall {
            call: call.clone(),
            index,
            step: 1,
            effect: *effect,
            outcome: outcome.clone(),
        })
        .collect();
    input
}

/// What the scripted provider does next.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Say(Delta),
    Wait(Duration),
    Fail(ProviderErrorKind),
    Hang,
}

/// One answer of the scripted provider.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    Stream(Vec<Act>),
    Refuse(ProviderErrorKind),
    Silence,
}

pub(crate) fn text(text: &str) -> Act {
    Act::Say(Delta::Text(text.into()))
}

pub(crate) fn end(reason: FinishReason) -> Act {
    Act::Say(Delta::End(reason))
}

/// A reply that says `said` in these pieces.
pub(crate) fn says(said: &[&str]) -> Script {
    Script::Stream(
        said.iter()
            .map(|piece| text(piece))
            .chain([end(FinishReason::Stop)])
            .collect(),
    )
}

/// A reply that makes these calls: id, tool, arguments.
pub(crate) fn calls(calls: &[(&str, &str, &str)]) -> Script {
    let mut acts = Vec::new();
    for (slot, (id, name, arguments)) in calls.iter().enumerate() {
        acts.push(Act::Say(Delta::CallStart {
            slot,
            id: (*id).into(),
            name: (*name).into(),
        }));
        acts.push(Act::Say(Delta::CallInput {
            slot,
            delta: (*arguments).into(),
        }));
    }
    acts.push(end(FinishReason::ToolCalls));
    Script::Stream(acts)
}

#[derive(Default)]
pub(crate) struct ScriptedProvider {
    script: Mutex<VecDeque<Script>>,
    pub(crate) requests: Mutex<Vec<ModelRequest>>,
}

#[async_trait]
impl Provider for ScriptedProvider {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ReplyStream, ProviderError> {
        let (front, conversation) = request
            .messages
            .split_first()
            .expect("a request has a system message");
        assert!(
            matches!(front, ModelMessage::System(_)),
            "the system message is the first"
        );
        assert_eq!(
            history::valid(conversation.to_vec()),
            conversation,
            "the conversation is valid"
        );
        self.requests.lock().unwrap().push(request.clone());
        let next = self
            .script
            .lock()
            .unwrap()
            .pop_front()
            .expect("the script has another answer");
        match next {
            Script::Refuse(kind) => Err(ProviderError::new(kind, "scripted")),
            Script::Silence => std::future::pending().await,
            Script::Stream(acts) => {
                let stream = futures::stream::iter(acts).filter_map(|act| async move {
                    match act {
                        Act::Say(delta) => Some(Ok(delta)),
                        Act::Fail(kind) => Some(Err(ProviderError::new(kind, "scripted"))),
                        Act::Hang => std::future::pending().await,
                        Act::Wait(pause) => {
                            tokio::time::sleep(pause).await;
                            None
                        }
                    }
                });
                Ok(stream.boxed())
            }
        }
    }
}

/// Writes everything down, a line each.
#[derive(Default)]
pub(crate) struct RecordingJournal {
    pub(crate) lines: Vec<String>,
    pub(crate) replies: Vec<Reply>,
    pub(crate) failure: Option<TurnError>,
    /// Cancels when a line begins so.
    pub(crate) cancel_at: Option<(&'static str, CancellationToken)>,
    /// Lets no tool start.
    pub(crate) is_fenced: bool,
}

impl RecordingJournal {
    fn note(&mut self, line: String) {
        if let Some((prefix, cancel)) = &self.cancel_at
            && line.starts_with(prefix)
        {
            cancel.cancel();
        }
        self.lines.push(line);
    }
}

#[async_trait]
impl Journal for RecordingJournal {
    async fn show(&mut self, what: Show) -> Result<(), Stopped> {
        self.note(match what {
            Show::StepStarts => "step".into(),
            Show::Text(text) => format!("text {text}"),
            Show::Reasoning(text) => format!("think {text}"),
            Show::CallStarts { id, name } => format!("call {id} {name}"),
            Show::CallInput { id, delta } => format!("input {id} {delta}"),
            Show::CallReady { id, name, input } => format!("ready {id} {name} {input}"),
            Show::CallRefused {
                id, name, input, ..
            } => format!("refused {id} {name} {input}"),
        });
        Ok(())
    }

    async fn commit_reply(&mut self, reply: Reply) -> Result<(), Stopped> {
        let calls: Vec<String> = reply
            .calls
            .iter()
            .map(|(call, effect)| format!("{}:{}", call.id, effect.as_str()))
            .collect();
        self.note(format!("reply {:?} [{}]", reply.text, calls.join(" ")));
        self.replies.push(reply);
        Ok(())
    }

    fn may_start_tool(&self) -> bool {
        !self.is_fenced
    }

    async fn commit_result(&mut self, call_id: &str, outcome: CallOutcome) -> Result<(), Stopped> {
        self.note(match outcome {
            CallOutcome::Output(output) => format!("output {call_id} {}", output["message"]),
            CallOutcome::Error(error) => format!("error {call_id} {error}"),
        });
        Ok(())
    }

    async fn commit_end(
        &mut self,
        reply: Option<Reply>,
        reason: FinishReason,
    ) -> Result<(), Stopped> {
        let said = reply.as_ref().map(|reply| reply.text.clone());
        self.note(format!("end {} {said:?}", reason.as_str()));
        self.replies.extend(reply);
        Ok(())
    }

    async fn commit_failure(&mut self, error: TurnError) -> Result<(), Stopped> {
        self.note(format!(
            "failure {}",
            serde_json::to_value(error.code).unwrap()
        ));
        self.failure = Some(error);
        Ok(())
    }
}

/// Which calls of tools ran, by call id.
type Runs = Arc<Mutex<Vec<String>>>;

/// Gives its text back, after a while.
#[derive(Deserialize, JsonSchema)]
struct EchoInput {
    /// What to say.
    text: String,
    /// For how long to wait, in milliseconds.
    #[serde(default)]
    wait_ms: u64,
}

fn echoed(context: &ToolContext, text: &str) -> Value {
    json!({"type": "echo", "message": text, "session_id": context.session_id})
}

macro_rules! tool {
    ($tool:ident, $name:literal, $effect:ident, |$context:ident, $input:ident| $body:expr $(, $fact:item)*) => {
        struct $tool(Runs);

        #[async_trait]
        impl Tool for $tool {
            type Input = EchoInput;
            type Output = Value;
            const NAME: &'static str = $name;
            const EFFECT: Effect = Effect::$effect;
            $($fact)*

            async fn call(&self, $context: &ToolContext, $input: EchoInput) -> Result<Value, ToolError> {
                self.0.lock().unwrap().push($context.call_id.clone());
                tokio::time::sleep(Duration::from_millis($input.wait_ms)).await;
                $body
            }
        }
    };
}

tool!(Echo, "echo", Pure, |context, input| Ok(echoed(
    context,
    &input.text
)));
tool!(Store, "store", Idempotent, |context, input| Ok(echoed(
    context,
    &input.text
)));
tool!(Mail, "mail", Once, |context, input| Ok(echoed(
    context,
    &input.text
)));
tool!(Refuser, "refuser", Pure, |_context, input| Err(
    ToolError::Rejected(input.text)
));
tool!(Fatal, "fatal", Pure, |_context, input| Err(
    ToolError::Fatal(input.text)
));
tool!(Bomb, "bomb", Pure, |_context, input| {
    assert!(input.text.is_empty(), "{}", input.text);
    Ok(Value::Null)
});
tool!(
    Slow,
    "slow",
    Pure,
    |context, input| Ok(echoed(context, &input.text)),
    const TIME_LIMIT: Duration = Duration::from_secs(2);
);
tool!(
    Private,
    "private",
    Pure,
    |context, input| Ok(echoed(context, &input.text)),
    const NEEDS_USER: bool = true;
);

struct NoJitter;

impl Jitter for NoJitter {
    fn sample(&self) -> f64 {
        0.0
    }
}

#[derive(Default)]
struct CountedIds(AtomicU64);

impl IdSource for CountedIds {
    fn next(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }

    fn unguessable(&self) -> Uuid {
        self.next()
    }
}

/// Writes down what became of calls.
#[derive(Default)]
pub(crate) struct RecordingMeter(Mutex<Vec<String>>);

impl RecordingMeter {
    pub(crate) fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl ToolMeter for RecordingMeter {
    fn called(&self, tool: &'static str, end: ToolEnd, _: Duration) {
        self.0
            .lock()
            .unwrap()
            .push(format!("{tool} {}", end.as_str()));
    }
}

/// An engine with all of it.
pub(crate) struct Stage {
    pub(crate) provider: Arc<ScriptedProvider>,
    pub(crate) config: EngineConfig,
    pub(crate) journal: RecordingJournal,
    pub(crate) cancel: CancellationToken,
    pub(crate) runs: Runs,
    pub(crate) meter: Arc<RecordingMeter>,
}

impl Stage {
    pub(crate) fn new(script: impl IntoIterator<Item = Script>) -> Self {
        let provider = ScriptedProvider {
            script: Mutex::new(script.into_iter().collect()),
            requests: Mutex::default(),
        };
        Self {
            provider: Arc::new(provider),
            config: EngineConfig::new("main"),
            journal: RecordingJournal::default(),
            cancel: CancellationToken::new(),
            runs: Runs::default(),
            meter: Arc::default(),
        }
    }

    pub(crate) fn cancel_at(mut self, line: &'static str) -> Self {
        self.journal.cancel_at = Some((line, self.cancel.clone()));
        self
    }

    pub(crate) async fn run(&mut self, input: &TurnInput) -> Result<(), Stopped> {
        let runs = || Arc::clone(&self.runs);
        let tools = [
            erase(Echo(runs())),
            erase(Store(runs())),
            erase(Mail(runs())),
            erase(Refuser(runs())),
            erase(Fatal(runs())),
            erase(Bomb(runs())),
            erase(Slow(runs())),
            erase(Private(runs())),
        ];
        let engine = Engine::new(EngineParts {
            provider: Arc::clone(&self.provider) as Arc<dyn Provider>,
            registry: Arc::new(Registry::new(tools, &["disabled".into()]).unwrap()),
            prompt: Prompt::new(None).unwrap(),
            config: self.config.clone(),
            ids: Arc::new(CountedIds::default()),
            jitter: Arc::new(NoJitter),
            meter: Arc::clone(&self.meter) as Arc<dyn ToolMeter>,
        });
        let ended = engine
            .run(input, &mut self.journal, self.cancel.clone())
            .await;
        assert!(
            self.provider.script.lock().unwrap().is_empty(),
            "the script was played to its end"
        );
        ended
    }

    /// The conversation of the last request, without the system message.
    pub(crate) fn last_conversation(&self) -> Vec<ModelMessage> {
        let requests = self.provider.requests.lock().unwrap();
        requests.last().expect("a request was made").messages[1..].to_vec()
    }

    /// The models that were asked, in order.
    pub(crate) fn models(&self) -> Vec<String> {
        self.provider
            .requests
            .lock()
            .unwrap()
            .iter()
            .map(|request| request.model.clone())
            .collect()
    }
}
