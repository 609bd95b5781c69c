//! Models of other vendors: each over its own protocol, in the real program.

mod anthropic;
mod anthropic_faults;
mod compatible;
mod settings;

use copilot_harness::{ChatRequest, StackBuilder, TestStack};
use serde_json::Value;

/// A stack whose model is asked over Anthropic's messages, and thinks.
fn anthropic() -> StackBuilder {
    TestStack::builder()
        .provider("anthropic")
        .env("COPILOT__LLM__REASONING", "high")
}

/// The blocks of the assistant's last message.
fn last_answer(request: &ChatRequest) -> Vec<Value> {
    let messages = request.body["messages"].as_array().expect("messages");
    let answers = messages
        .iter()
        .rfind(|message| message["role"] == "assistant");
    let answer = answers.expect("an answer of the assistant");
    answer["content"].as_array().expect("blocks").clone()
}
