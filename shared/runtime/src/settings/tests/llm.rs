use super::*;
use secrecy::ExposeSecret;

fn llm(environment: &[(&str, &str)]) -> LlmSettings {
    copilot(environment).llm
}

#[test]
fn without_a_key_the_builtin_provider_answers() {
    let llm = llm(&[("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")]);
    assert_eq!(llm.provider, Provider::Builtin);
    assert!(llm.base_url.is_none());
}

#[test]
fn a_key_chooses_the_provider_and_its_default_model() {
    for (name, key, provider) in [
        ("OPENAI_API_KEY", "sk-1", Provider::OpenAi),
        ("ANTHROPIC_API_KEY", "sk-ant-1", Provider::Anthropic),
        ("COPILOT__LLM__API_KEY", "sk-1", Provider::OpenAi),
        ("COPILOT__LLM__API_KEY", "unused", Provider::OpenAi),
        ("COPILOT__LLM__API_KEY", "sk-ant-1", Provider::Anthropic),
        ("COPILOT__LLM__API_KEY", "AIza1", Provider::Gemini),
    ] {
        let llm = llm(&[(name, key)]);
        assert_eq!(llm.provider, provider, "{name}={key}");
        assert_eq!(llm.model, provider.default_model());
        assert_eq!(llm.api_key.unwrap().expose_secret(), key);
    }
}

#[test]
fn the_named_provider_takes_only_its_own_key() {
    let keys = [("OPENAI_API_KEY", "o"), ("ANTHROPIC_API_KEY", "a")];
    for (provider, key) in [
        ("builtin", None),
        ("openai", Some("o")),
        ("anthropic", Some("a")),
        ("ollama", None),
    ] {
        let mut environment = keys.to_vec();
        environment.push(("COPILOT__LLM__PROVIDER", provider));
        let llm = llm(&environment);
        assert_eq!(llm.provider.name(), provider);
        let found = llm.api_key.as_ref().map(ExposeSecret::expose_secret);
        assert_eq!(found, key, "{provider}");
    }
}

#[test]
fn own_settings_beat_the_well_known_ones() {
    let llm = llm(&[
        ("OPENAI_API_KEY", "theirs"),
        ("OPENAI_BASE_URL", "http://theirs/v1"),
        ("COPILOT__LLM__API_KEY", "ours"),
        ("COPILOT__LLM__BASE_URL", "http://ours/v1"),
        ("COPILOT__LLM__MODEL", "small"),
        ("COPILOT__LLM__MODELS", "large,huge"),
    ]);
    assert_eq!(llm.api_key.as_ref().unwrap().expose_secret(), "ours");
    assert_eq!(llm.base_url.as_ref().unwrap().expose(), "http://ours/v1/");
    assert!(llm.offers("small") && llm.offers("huge") && !llm.offers("other"));
}

#[test]
fn an_own_server_needs_no_key() {
    let llm = llm(&[
        ("COPILOT__LLM__PROVIDER", "openai"),
        ("COPILOT__LLM__BASE_URL", "http://127.0.0.1:8000/v1/"),
    ]);
    assert!(llm.api_key.is_none());
    assert_eq!(llm.base_url.unwrap().expose(), "http://127.0.0.1:8000/v1/");
}

#[test]
fn reasoning_is_a_word_or_a_budget() {
    for (text, reasoning) in [("high", Reasoning::High), ("2048", Reasoning::Budget(2048))] {
        assert_eq!(
            llm(&[("COPILOT__LLM__REASONING", text)]).reasoning,
            Some(reasoning)
        );
    }
    let settings = from_file("[llm]\nreasoning = 2048").unwrap();
    assert_eq!(settings.llm.reasoning, Some(Reasoning::Budget(2048)));
}
