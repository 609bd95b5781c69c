//! What the model says, and a note of all that it has said.

use copilot_core::message::ToolCall;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What the words of an answer are taken from: one, two, three and four bytes a character.
const WORDS: [&str; 8] = [
    "and ",
    "né ",
    "€ ",
    "so it goes ",
    "\u{1F980} ",
    "x",
    "\n\n",
    "\u{4E2D}\u{6587} ",
];

/// All replies to one message, a step each; the last one calls no tool.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    /// Between two deltas.
    pub(crate) pace: Duration,
}

/// One reply.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    /// Words of thinking before the text.
    pub(crate) thinking: u8,
    /// Words of text; the text also names turn, step and invocation.
    pub(crate) words: u8,
    pub(crate) calls: Vec<Call>,
    pub(crate) flaw: Flaw,
}

/// A call of a tool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) tool: &'static str,
    /// What the tool does: `works`, `rejects`, `panics` or `fails`.
    pub(crate) conduct: &'static str,
    /// Milliseconds that it takes.
    pub(crate) takes: u32,
}

/// What is wrong with a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flaw {
    #[default]
    None,
    /// So many invocations fail before anything is visible.
    Refused(u32),
    /// So many invocations panic in the middle of the text.
    Panics(u32),
    /// It breaks off in the middle of the text, always.
    Breaks,
    /// It is silent after the first half, always.
    Hangs,
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            pace: Duration::from_millis(1),
        }
    }

    /// An answer of so many words and nothing else.
    pub(crate) fn says(words: u8) -> Self {
        Self::new([Step {
            words,
            ..Step::default()
        }])
    }

    /// An answer with one step for each list of tools, and a last one without.
    pub(crate) fn calls(steps: &[&[&'static str]]) -> Self {
        let calling = steps.iter().map(|tools| Step {
            thinking: 3,
            words: 4,
            calls: tools.iter().map(|tool| Call::of(tool)).collect(),
            flaw: Flaw::None,
        });
        Self::new(calling.chain([Step {
            words: 6,
            ..Step::default()
        }]))
    }

    pub(crate) fn with_flaw(mut self, step: usize, flaw: Flaw) -> Self {
        self.steps[step].flaw = flaw;
        self
    }

    pub(crate) fn with_pace(mut self, millis: u64) -> Self {
        self.pace = Duration::from_millis(millis);
        self
    }

    /// Whether no reply of it breaks off, or hangs.
    pub(crate) fn can_complete(&self) -> bool {
        let ends =
            |step: &Step| step.words == 0 || !matches!(step.flaw, Flaw::Breaks | Flaw::Hangs);
        self.steps.iter().all(ends)
    }

    /// Whether a tool of it fails for good.
    pub(crate) fn has_fatal_call(&self) -> bool {
        self.steps
            .iter()
            .flat_map(|step| &step.calls)
            .any(|call| call.conduct == "fails")
    }
}

impl Call {
    pub(crate) const fn of(tool: &'static str) -> Self {
        Self {
            tool,
            conduct: "works",
            takes: 2,
        }
    }
}

/// One reply as it was begun.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) step: u32,
    pub(crate) invocation: u32,
    pub(crate) reasoning: Vec<String>,
    pub(crate) text: Vec<String>,
    pub(crate) calls: Vec<ToolCall>,
}

impl Said {
    pub(crate) fn whole_text(&self) -> String {
        self.text.concat()
    }

    pub(crate) fn whole_reasoning(&self) -> String {
        self.reasoning.concat()
    }
}

/// Scripts by the message that they answer, and what became of them.
#[derive(Default)]
pub(crate) struct Book {
    scripts: Mutex<HashMap<String, Script>>,
    said: Mutex<HashMap<String, Vec<Said>>>,
    complaints: Mutex<Vec<String>>,
    /// Whether the model names its calls alike in each invocation, as some servers do.
    pub(crate) same_ids: std::sync::atomic::AtomicBool,
}

impl Book {
    pub(crate) fn write(&self, key: &str, script: Script) {
        locked(&self.scripts).insert(key.to_owned(), script);
    }

    pub(crate) fn script(&self, key: &str) -> Option<Script> {
        locked(&self.scripts).get(key).cloned()
    }

    /// Begins a reply: no two invocations say the same.
    pub(crate) fn invoke(&self, key: &str, step: u32) -> Option<(Script, Step, Said)> {
        let script = self.script(key)?;
        let played = script
            .steps
            .get(usize::try_from(step).unwrap().checked_sub(1)?)?
            .clone();
        let mut all = locked(&self.said);
        let said = all.entry(key.to_owned()).or_default();
        let invocation =
            u32::try_from(said.iter().filter(|said| said.step == step).count() + 1).unwrap();
        let name = format!("{key}.{step}#{invocation}");
        let words = |many: u8, salt: usize| {
            (0..usize::from(many)).map(move |n| WORDS[(n * 3 + salt) % WORDS.len()])
        };
        let salt = name.bytes().map(usize::from).sum::<usize>();
        let mut text = Vec::new();
        if played.words > 0 {
            text.push(format!("{name}: "));
            text.extend(words(played.words, salt).map(str::to_owned));
        }
        let mut reasoning = Vec::new();
        if played.thinking > 0 {
            reasoning.push(format!("({name}) "));
            reasoning.extend(words(played.thinking, salt + 1).map(str::to_owned));
        }
        let same_ids = self.same_ids.load(std::sync::atomic::Ordering::Relaxed);
        let calls = played
            .calls
            .iter()
            .enumerate()
            .map(|(slot, call)| ToolCall {
                id: if same_ids {
                    format!("call_{step}_{slot}")
                } else {
                    format!("{name}.{slot}")
                },
                name: call.tool.to_owned(),
                arguments: format!(r#"{{"conduct":"{}","takes":{}}}"#, call.conduct, call.takes),
            });
        let reply = Said {
            step,
            invocation,
            reasoning,
            text,
            calls: calls.collect(),
        };
        said.push(reply.clone());
        Some((script, played, reply))
    }

    /// All replies that were begun to a message.
    pub(crate) fn said(&self, key: &str) -> Vec<Said> {
        locked(&self.said).get(key).cloned().unwrap_or_default()
    }

    /// Notes that the model was asked something that it should not be.
    pub(crate) fn complain(&self, complaint: String) {
        locked(&self.complaints).push(complaint);
    }

    pub(crate) fn complaints(&self) -> Vec<String> {
        locked(&self.complaints).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
