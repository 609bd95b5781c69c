//! For every key, the tests that prove its effect.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::keys::{Key, keys};
use Proof::{Effect, NotInCopilot, NotUsedYet};

/// What is known about a key.
enum Proof {
    /// These tests see its effect; each is in a file that names the key or its variable.
    Effect(&'static [&'static str]),
    /// It is checked at the start, and the settings file says that this version does not use it.
    NotUsedYet,
    /// It is checked at the start, and the settings file says that `copilot` has no use for it.
    NotInCopilot,
}

const PROOFS: &[(&str, Proof)] = &[
    (
        "server.listen",
        Effect(&[
            "the_system_chooses_a_port",
            "it_listens_on_ipv6",
            "a_port_in_use_is_named",
        ]),
    ),
    (
        "server.allowed_hosts",
        Effect(&["hosts_that_the_operator_allows_are_answered"]),
    ),
    (
        "server.max_body_bytes",
        Effect(&["the_limit_of_bodies_can_be_set"]),
    ),
    (
        "server.shutdown_delay_seconds",
        Effect(&["readiness_fails_first_and_the_server_still_answers"]),
    ),
    (
        "server.drain_timeout_seconds",
        Effect(&[
            "a_turn_that_outlasts_the_drain_breaks_its_response_and_goes_on_after_the_restart",
        ]),
    ),
    (
        "database.url",
        Effect(&[
            "every_form_of_address_works",
            "a_database_that_cannot_be_used_is_named_in_one_line",
        ]),
    ),
    (
        "database.max_connections",
        Effect(&["the_pool_is_no_larger_than_allowed"]),
    ),
    (
        "database.migrate_on_start",
        Effect(&[
            "an_older_schema_names_the_command_that_helps",
            "an_older_schema_is_brought_up_to_date_if_allowed",
        ]),
    ),
    (
        "database.tls_ca_file",
        Effect(&["own_certificates_demand_tls"]),
    ),
    (
        "database.tls_cert_file",
        Effect(&["own_certificates_demand_tls"]),
    ),
    (
        "database.tls_key_file",
        Effect(&["own_certificates_demand_tls"]),
    ),
    (
        "auth.mode",
        Effect(&["without_any_key_nobody_is_let_in_and_the_probe_says_why"]),
    ),
    (
        "auth.allow_insecure",
        Effect(&["an_operator_may_insist_on_listening_to_the_world"]),
    ),
    (
        "llm.provider",
        Effect(&["without_a_key_the_builtin_provider_answers_and_a_key_changes_that"]),
    ),
    (
        "llm.model",
        Effect(&["what_the_operator_sets_reaches_the_model"]),
    ),
    (
        "llm.base_url",
        Effect(&["what_the_operator_sets_reaches_the_model"]),
    ),
    (
        "llm.api_key",
        Effect(&["what_the_operator_sets_reaches_the_model"]),
    ),
    (
        "llm.models",
        Effect(&["a_request_may_ask_for_the_models_that_the_operator_allows"]),
    ),
    (
        "llm.fallback_models",
        Effect(&["the_next_model_is_asked_when_the_first_one_fails"]),
    ),
    (
        "llm.system_prompt_file",
        Effect(&["what_the_operator_sets_reaches_the_model"]),
    ),
    (
        "llm.temperature",
        Effect(&["what_the_operator_sets_reaches_the_model"]),
    ),
    (
        "llm.max_output_tokens",
        Effect(&["what_the_operator_sets_reaches_the_model"]),
    ),
    (
        "llm.reasoning",
        Effect(&["what_the_operator_sets_reaches_the_model"]),
    ),
    (
        "llm.headers",
        Effect(&["what_the_operator_sets_reaches_the_model"]),
    ),
    (
        "llm.max_retries",
        Effect(&["a_server_that_keeps_failing_is_unavailable"]),
    ),
    (
        "llm.idle_timeout_seconds",
        Effect(&["a_model_that_falls_silent_is_left"]),
    ),
    (
        "turn.max_steps",
        Effect(&["after_the_last_step_the_calls_still_run_and_the_turn_ends_with_tool_calls"]),
    ),
    (
        "turn.timeout_seconds",
        Effect(&[
            "a_turn_that_takes_too_long_ends",
            "the_deadline_of_a_turn_survives_a_restart",
        ]),
    ),
    (
        "turn.max_attempts",
        Effect(&["a_turn_that_was_lost_too_often_fails_with_a_clear_error"]),
    ),
    (
        "turn.max_running_per_user",
        Effect(&["beyond_the_running_cap_a_turn_waits_and_beyond_the_other_it_is_refused"]),
    ),
    (
        "turn.max_in_flight_per_user",
        Effect(&["beyond_the_running_cap_a_turn_waits_and_beyond_the_other_it_is_refused"]),
    ),
    (
        "executor.concurrency",
        Effect(&["no_more_turns_run_than_the_executor_may"]),
    ),
    (
        "executor.heartbeat_seconds",
        Effect(&["a_cancel_that_no_message_brought_is_found_by_the_heartbeat"]),
    ),
    (
        "executor.drain_timeout_seconds",
        Effect(&[
            "a_turn_that_outlasts_the_drain_breaks_its_response_and_goes_on_after_the_restart",
        ]),
    ),
    (
        "stream.ttl_seconds",
        Effect(&["the_life_of_streams_is_told_in_both_units"]),
    ),
    (
        "stream.heartbeat_seconds",
        Effect(&["a_silent_turn_sends_heartbeats"]),
    ),
    (
        "stream.connection_seconds",
        Effect(&["a_response_of_limited_life_breaks_and_goes_on_after_its_cursor"]),
    ),
    (
        "log.format",
        Effect(&["the_log_is_written_as_the_settings_say"]),
    ),
    (
        "log.level",
        Effect(&["the_log_is_written_as_the_settings_say"]),
    ),
    (
        "docs.paths",
        Effect(&[
            "folders_of_the_operator_are_searched_too",
            "lists_are_separated_by_commas",
        ]),
    ),
    (
        "tools.disabled",
        Effect(&[
            "a_tool_that_the_operator_turned_off_is_not_offered",
            "lists_are_separated_by_commas",
        ]),
    ),
    (
        "server.base_path",
        Effect(&["everything_works_below_a_path_and_nothing_beside_it"]),
    ),
    (
        "server.public_url",
        Effect(&["everything_works_below_a_path_and_nothing_beside_it"]),
    ),
    (
        "server.cors_origins",
        Effect(&["the_operators_page_reads_every_answer_errors_too"]),
    ),
    (
        "server.trusted_proxies",
        Effect(&["a_trusted_proxy_tells_the_address_that_links_show"]),
    ),
    (
        "auth.jwt_secret",
        Effect(&["the_token_command_says_why_it_cannot_sign"]),
    ),
    (
        "auth.jwks_url",
        Effect(&["without_any_key_nobody_is_let_in_and_the_probe_says_why"]),
    ),
    (
        "auth.issuer",
        Effect(&["no_forged_token_is_let_in_and_nothing_is_saved"]),
    ),
    (
        "auth.audience",
        Effect(&["a_token_must_name_the_audience_that_is_set"]),
    ),
    (
        "auth.allow_anonymous",
        Effect(&["without_the_setting_there_is_nothing_anonymous"]),
    ),
    (
        "stream.profile",
        Effect(&["streams_are_written_for_the_version_that_is_set"]),
    ),
    (
        "metrics.listen",
        Effect(&["a_metrics_port_in_use_is_named_and_off_means_off"]),
    ),
    (
        "log.slow_turn_seconds",
        Effect(&["a_slow_turn_is_warned_of_and_a_fast_one_is_not"]),
    ),
    (
        "tracking.kind",
        Effect(&["the_log_can_take_the_events_and_nobody_wants_them_by_default"]),
    ),
    (
        "tracking.url",
        Effect(&["each_message_of_a_person_is_told_once_and_without_its_text"]),
    ),
    (
        "retention.session_days",
        Effect(&["untouched_sessions_go_after_the_days_that_are_set"]),
    ),
    (
        "llm.title_model",
        Effect(&["a_title_model_is_asked_beside_the_answer_and_may_fail"]),
    ),
    ("telemetry.otlp_endpoint", NotUsedYet),
    ("executor.lease_seconds", NotInCopilot),
    ("redis.url", NotInCopilot),
    ("redis.prefix", NotInCopilot),
    ("redis.tls_ca_file", NotInCopilot),
    ("redis.tls_cert_file", NotInCopilot),
    ("redis.tls_key_file", NotInCopilot),
    ("rabbitmq.url", NotInCopilot),
    ("rabbitmq.prefix", NotInCopilot),
    ("rabbitmq.tls_ca_file", NotInCopilot),
    ("rabbitmq.tls_cert_file", NotInCopilot),
    ("rabbitmq.tls_key_file", NotInCopilot),
    ("files.url", NotUsedYet),
    ("files.max_file_bytes", NotUsedYet),
    ("files.max_workspace_bytes", NotUsedYet),
    ("files.shared", NotUsedYet),
    ("files.scan_url", NotUsedYet),
    ("credentials.keys", NotUsedYet),
    ("tools.require_approval", NotUsedYet),
    ("mcp.servers", NotUsedYet),
    ("net.allowed_private_hosts", NotUsedYet),
    ("sandbox.kind", NotUsedYet),
    ("sandbox.e2b_api_key", NotUsedYet),
    ("sandbox.e2b_url", NotUsedYet),
];

#[test]
fn every_key_has_its_proof() {
    let keys: BTreeMap<String, Key> = keys()
        .into_iter()
        .map(|key| (key.name.clone(), key))
        .collect();
    let proven: BTreeSet<&str> = PROOFS.iter().map(|(key, _)| *key).collect();
    let missing: Vec<&str> = keys
        .keys()
        .map(String::as_str)
        .filter(|key| !proven.contains(key))
        .collect();
    assert!(
        missing.is_empty(),
        "no proof in every_key.rs for {missing:?}"
    );
    assert_eq!(proven.len(), PROOFS.len(), "a key stands twice");

    let sources = sources();
    for (name, proof) in PROOFS {
        let key = keys
            .get(*name)
            .unwrap_or_else(|| panic!("{name} is no key"));
        let says_unused = key.comment.contains("does not use");
        let comment = &key.comment;
        match proof {
            NotUsedYet => assert!(says_unused, "{name} is not said to be unused: {comment}"),
            NotInCopilot => assert!(
                comment.contains("copilot has no use for it"),
                "{name}: {comment}"
            ),
            Effect(tests) => {
                assert!(
                    !says_unused,
                    "{name}: default.toml says that it is not used"
                );
                for test in *tests {
                    assert_proves(&sources, test, key);
                }
            }
        }
    }
}

/// The test is there, and its file has to do with the key.
fn assert_proves(sources: &[String], test: &str, key: &Key) {
    let declared = format!("fn {test}(");
    let source = sources.iter().find(|source| source.contains(&declared));
    let source = source.unwrap_or_else(|| panic!("{}: no test {test}", key.name));
    let names_it = source.contains(&key.variable()) || source.contains(&key.name);
    let well_known = ["OPENAI_API_KEY", "OPENAI_BASE_URL"]
        .iter()
        .any(|name| source.contains(name));
    assert!(names_it || well_known, "{test} does not name {}", key.name);
}

/// All source files of the workspace that hold tests, but this one.
fn sources() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sources = Vec::new();
    for folder in ["tests/it/tests", "api", "executor", "shared", "standalone"] {
        collect(&root.join(folder), &mut sources);
    }
    sources
}

fn collect(folder: &Path, sources: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|kind| kind == "rs")
            && !path.ends_with("settings/every_key.rs")
        {
            sources.push(fs::read_to_string(&path).unwrap());
        }
    }
}
