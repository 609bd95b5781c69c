//! The operator's settings of the model, as they reach it.

use copilot_harness::{Copilot, TestStack, status, text};
use serde_json::json;

use super::anthropic;
use crate::conversation::{Conversation, told};
use crate::start_up::refusal;

/// A file with a persona, gone with the test.
struct Persona(std::path::PathBuf);

impl Persona {
    fn write(words: &str) -> Self {
        let name = format!("copilot-persona-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, words).unwrap();
        Self(path)
    }
}

impl Drop for Persona {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

#[tokio::test]
async fn persona_sampling_and_headers_reach_every_vendors_model() {
    let persona = Persona::write("You are Ada, the harbour's pilot.");
    for provider in ["openai", "anthropic", "gemini"] {
        let stack = TestStack::builder()
            .provider(provider)
            .env(
                "COPILOT__LLM__SYSTEM_PROMPT_FILE",
                persona.0.display().to_string(),
            )
            .env("COPILOT__LLM__TEMPERATURE", "0.25")
            .env("COPILOT__LLM__MAX_OUTPUT_TOKENS", "777")
            .env("COPILOT__LLM__HEADERS", "X-Team=blue,X-Zone=eu")
            .env("COPILOT__LLM__MODEL", "some-model")
            .start()
            .await;
        let chat = Conversation::begin(&stack).await;

        chat.ask("hi").await;

        let asked = stack.llm.requests()[0].clone();
        assert!(told(&asked).contains("You are Ada, the harbour's pilot."));
        assert_eq!(asked.body["temperature"], 0.25);
        assert_eq!(asked.body["max_tokens"], 777);
        assert_eq!(
            (&asked.headers["x-team"], &asked.headers["x-zone"]),
            (&"blue".parse().unwrap(), &"eu".parse().unwrap())
        );
        stack.finish().await;
    }
}

#[tokio::test]
async fn effort_and_budget_become_what_the_model_knows() {
    for (provider, model, reasoning, field, value) in [
        (
            "openai",
            "gpt-5.4-mini",
            "low",
            "reasoning_effort",
            json!("low"),
        ),
        (
            "anthropic",
            "claude-haiku-4-5",
            "2000",
            "thinking",
            json!({"type": "enabled", "budget_tokens": 2000}),
        ),
        (
            "anthropic",
            "claude-opus-4-7",
            "xhigh",
            "output_config",
            json!({"effort": "xhigh"}),
        ),
        (
            "gemini",
            "gemini-3.5-flash",
            "2000",
            "extra_body",
            json!({"google": {"thinking_config": {"thinking_budget": 2000}}}),
        ),
        (
            "open_router",
            "a/b",
            "2000",
            "reasoning",
            json!({"max_tokens": 2000}),
        ),
    ] {
        let stack = TestStack::builder()
            .provider(provider)
            .env("COPILOT__LLM__MODEL", model)
            .env("COPILOT__LLM__REASONING", reasoning)
            .start()
            .await;
        let chat = Conversation::begin(&stack).await;

        chat.ask("hi").await;

        assert_eq!(stack.llm.requests()[0].body[field], value, "{provider}");
        stack.finish().await;
    }
}

#[tokio::test]
async fn another_model_of_the_vendor_may_be_asked_for_and_helps_out() {
    let stack = anthropic()
        .env("COPILOT__LLM__MAX_RETRIES", "0")
        .env("COPILOT__LLM__MODELS", "claude-opus-4-7")
        .env("COPILOT__LLM__FALLBACK_MODELS", "claude-haiku-4-5")
        .start()
        .await;
    stack
        .llm
        .script([text("Me."), status(529), text("Me instead.")]);
    let chat = Conversation::begin(&stack).await;

    let asked = |model: &str| chat.say("hi").field("model", model);
    assert_eq!(
        asked("claude-opus-4-7").events().to_finish().await.text(),
        "Me."
    );
    let problem = asked("claude-opus-1").problem(422).await;
    assert_eq!(chat.ask("hi").await.text(), "Me instead.");

    assert_eq!(problem.fields(), ["model"]);
    let models: Vec<String> = stack
        .llm
        .requests()
        .iter()
        .map(|asked| asked.model().to_owned())
        .collect();
    assert_eq!(
        models,
        ["claude-opus-4-7", "claude-sonnet-4-6", "claude-haiku-4-5"]
    );
    assert_eq!(
        chat.last_message().await["metadata"]["model"],
        "claude-haiku-4-5"
    );
    stack.finish().await;
}

#[tokio::test]
async fn a_wrong_provider_configuration_stops_the_start_and_is_named() {
    for (settings, key) in [
        (&[("PROVIDER", "claude")][..], "llm.provider"),
        (&[("PROVIDER", "gemini")], "llm.api_key"),
        (&[("PROVIDER", "anthropic")], "llm.api_key"),
        (
            &[("PROVIDER", "ollama"), ("BASE_URL", "127.0.0.1:11434")],
            "llm.base_url",
        ),
        (
            &[
                ("PROVIDER", "anthropic"),
                ("API_KEY", "k"),
                ("TEMPERATURE", "1.5"),
            ],
            "llm.temperature",
        ),
        (
            &[
                ("PROVIDER", "groq"),
                ("API_KEY", "k"),
                ("REASONING", "2000"),
            ],
            "llm.reasoning",
        ),
        (
            &[
                ("PROVIDER", "ollama"),
                ("SYSTEM_PROMPT_FILE", "/no/such/file"),
            ],
            "llm.system_prompt_file",
        ),
    ] {
        let mut copilot = Copilot::new();
        for (name, value) in settings {
            copilot.set(&format!("COPILOT__LLM__{name}"), *value);
        }

        let line = refusal(&copilot.run(&["serve"]).await);

        let section = format!("COPILOT__LLM__{}", settings[settings.len() - 1].0);
        assert!(
            line.contains(key) || line.contains(&section),
            "{key}: {line}"
        );
    }
}
