use super::raw::KEYS;
use super::*;

/// The keys of a settings file, `#key = …` included, with the text after the `=`.
fn written_keys() -> Vec<(String, bool, String)> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
        }
        let (text, active) = match line.strip_prefix('#') {
            Some(text) => (text, false),
            None => (line, true),
        };
        if let Some((key, value)) = text.split_once(" = ")
            && key
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        {
            keys.push((format!("{section}.{key}"), active, value.to_owned()));
        }
    }
    keys
}

#[test]
fn the_default_file_has_every_key_of_the_schema_in_its_order() {
    let written: Vec<_> = written_keys().into_iter().map(|(key, ..)| key).collect();
    assert_eq!(written, KEYS);
}

#[test]
fn the_schema_has_every_key_of_the_contract() {
    for key in [
        "server.listen server.base_path server.public_url server.cors_origins server.allowed_hosts",
        "server.trusted_proxies server.max_body_bytes server.shutdown_delay_seconds",
        "server.drain_timeout_seconds database.url database.max_connections database.migrate_on_start",
        "redis.url redis.prefix rabbitmq.url rabbitmq.prefix database.tls_ca_file database.tls_cert_file",
        "database.tls_key_file redis.tls_ca_file redis.tls_cert_file redis.tls_key_file",
        "rabbitmq.tls_ca_file rabbitmq.tls_cert_file rabbitmq.tls_key_file auth.mode auth.allow_insecure",
        "auth.jwt_secret auth.jwks_url auth.issuer auth.audience auth.allow_anonymous llm.provider",
        "llm.model llm.base_url llm.api_key llm.title_model llm.models llm.fallback_models",
        "llm.system_prompt_file llm.temperature llm.max_output_tokens llm.reasoning llm.headers",
        "llm.max_retries llm.idle_timeout_seconds turn.max_steps turn.timeout_seconds turn.max_attempts",
        "turn.max_running_per_user turn.max_in_flight_per_user executor.concurrency",
        "executor.heartbeat_seconds executor.lease_seconds executor.drain_timeout_seconds",
        "stream.ttl_seconds stream.heartbeat_seconds stream.profile stream.connection_seconds",
        "metrics.listen log.format log.level log.slow_turn_seconds tracking.kind tracking.url files.url",
        "files.max_file_bytes files.max_workspace_bytes files.shared credentials.keys files.scan_url",
        "retention.session_days docs.paths tools.disabled tools.require_approval mcp.servers",
        "net.allowed_private_hosts sandbox.kind sandbox.e2b_api_key sandbox.e2b_url",
    ]
    .iter()
    .flat_map(|line| line.split(' '))
    {
        assert!(KEYS.contains(&key), "{key}");
    }
}

#[test]
fn every_key_of_the_default_file_has_a_comment() {
    let mut commented = false;
    for line in DEFAULTS.lines() {
        let is_comment = line.starts_with("# ");
        let is_key = !line.is_empty() && !line.starts_with('[') && !is_comment && line != "#";
        // The three certificate files, and the two keys of e2b and the webhook, share one comment.
        let shares = ["tls_", "e2b_", "url ="]
            .iter()
            .any(|prefix| line.trim_start_matches('#').starts_with(prefix));
        assert!(!is_key || commented || shares, "{line}");
        commented = is_comment;
    }
}

#[test]
fn the_default_file_is_a_valid_settings_file_also_with_its_examples() {
    let settings = from_file(DEFAULTS).unwrap();
    assert_eq!(settings.turn.max_steps, 30);

    // All examples at once, but for the secrets, which are shown as dots.
    let mut text = String::new();
    for line in DEFAULTS.lines() {
        let example = line
            .strip_prefix('#')
            .filter(|rest| rest.contains(" = ") && !rest.starts_with(' '));
        match example {
            Some(example) if !example.contains('…') => text.push_str(example),
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    let settings = from_file(&text).unwrap();
    assert_eq!(settings.llm.provider, Provider::OpenAi);
    assert_eq!(settings.retention.session_days, Some(365));
}

#[test]
fn every_key_can_be_set_by_the_environment() {
    for (key, _, value) in written_keys() {
        if value.contains('…') || key == "llm.provider" {
            continue;
        }
        let value = value.trim_matches(['[', ']', '"']).replace('_', "");
        if value.is_empty() {
            continue;
        }
        let name = error::variable(&key);
        let settings = effective(Program::Copilot, &[(&name, &value)]);
        assert_eq!(line(&settings, &key).1, format!("env {name}"));
    }
}
