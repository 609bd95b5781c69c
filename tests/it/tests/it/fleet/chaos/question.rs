//! What talkers ask, and what the model answers to it.

use std::time::Duration;

use copilot_harness::llm::text_of_words;
use copilot_harness::{ChatRequest, Reply};
use rand::{RngExt as _, rngs::StdRng};
use serde_json::json;

/// The model's pause before each delta.
const PAUSE: Duration = Duration::from_millis(15);
/// What is said before a tool is called.
const LOOKING: &str = "I look it up. ";

/// A message that says how it wants to be answered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    /// So many words.
    Say(usize),
    /// A tool first, then so many words.
    LookUp(usize),
}

impl Question {
    pub(super) fn random(rng: &mut StdRng) -> Self {
        let count = rng.random_range(1..80);
        if rng.random_bool(0.4) {
            Self::LookUp(count)
        } else {
            Self::Say(count)
        }
    }

    /// As a message.
    pub(super) fn text(self) -> String {
        match self {
            Self::Say(count) => format!("say {count}"),
            Self::LookUp(count) => format!("lookup {count}"),
        }
    }

    /// The last one: those that got no answer stand before it.
    fn last_of(text: &str) -> Self {
        let mut words = text.split_whitespace().rev();
        let count = words.next().and_then(|count| count.parse().ok());
        let count = count.expect("a number of words");
        match words.next() {
            Some("say") => Self::Say(count),
            Some("lookup") => Self::LookUp(count),
            other => panic!("no question of ours: {other:?}"),
        }
    }

    /// All text of the answer.
    pub(super) fn answer(self) -> String {
        match self {
            Self::Say(count) => text_of_words(count),
            Self::LookUp(count) => format!("{LOOKING}{}", text_of_words(count)),
        }
    }
}

/// The model.
pub(super) fn reply(asked: &ChatRequest) -> Reply {
    let question = Question::last_of(&asked.last_user_text());
    let reply = match (question, asked.step()) {
        (Question::LookUp(_), 0) => {
            Reply::text_then_calls(LOOKING, "search_docs", json!({"query": "resume"}))
        }
        (Question::LookUp(count) | Question::Say(count), _) => Reply::words(count),
    };
    reply.delay_between(PAUSE)
}
