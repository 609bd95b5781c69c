use std::time::Duration;

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn copilot_starts_without_any_setting() {
    let settings = copilot(&[]);

    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:8006");
    assert_eq!(
        settings.database.url.expose(),
        "sqlite://copilot.db?mode=rwc"
    );
    assert!(settings.database.migrate_on_start);
    assert!(matches!(settings.backend, BackendSettings::Embedded));
    assert!(matches!(settings.auth, Some(AuthSettings::Local)));
    assert_eq!(settings.llm.provider, Provider::Builtin);
    assert_eq!(
        settings.files.url.unwrap().expose(),
        "file:///nowhere/files"
    );
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let settings = copilot(&[]);

    let server = settings.server;
    assert_eq!(server.base_path, "");
    assert_eq!(server.public_url, None);
    assert!(server.cors_origins.is_empty() && server.allowed_hosts.is_empty());
    assert!(server.trusted_proxies.is_empty());
    assert_eq!(server.max_body_bytes, 4_000_000);
    assert_eq!(server.max_ai_sdk_body_bytes, 30_000_000);
    assert_eq!(server.shutdown_delay, seconds(5));
    assert_eq!(server.drain_timeout, seconds(30));

    let llm = settings.llm;
    assert!(llm.base_url.is_none() && llm.api_key.is_none() && llm.title_model.is_none());
    assert!(llm.models.is_empty() && llm.fallback_models.is_empty() && llm.headers.is_empty());
    assert!(llm.system_prompt_file.is_none() && llm.temperature.is_none());
    assert!(llm.max_output_tokens.is_none() && llm.reasoning.is_none());
    assert_eq!(llm.max_retries, 3);
    assert_eq!(llm.idle_timeout, seconds(120));

    assert_eq!(
        settings.turn,
        TurnSettings {
            max_steps: 30,
            timeout: seconds(3600),
            max_attempts: 3,
            max_running_per_user: 5,
            max_in_flight_per_user: 15,
        }
    );
    assert_eq!(
        settings.executor,
        ExecutorSettings {
            concurrency: 64,
            heartbeat: seconds(2),
            lease: seconds(8),
            drain_timeout: seconds(1800),
        }
    );
    assert_eq!(
        settings.stream,
        StreamSettings {
            ttl: seconds(3600),
            heartbeat: seconds(10),
            profile: StreamProfile::V5,
            connection_limit: None,
        }
    );
    assert_eq!(
        settings.log,
        LogSettings {
            format: LogFormat::Auto,
            level: "info".to_owned(),
            slow_turn: seconds(5),
        }
    );
    assert!(settings.otlp_endpoint.is_none());
    assert!(matches!(settings.tracking, TrackingSettings::None));
    assert_eq!(settings.files.max_file_bytes, 100_000_000);
    assert_eq!(settings.files.max_workspace_bytes, 500_000_000);
    assert!(settings.files.scan_url.is_none());
    assert!(settings.credentials.keys.is_empty());
    assert_eq!(settings.retention.session_days, None);
    assert!(settings.tools.disabled.is_empty() && settings.tools.require_approval.is_empty());
    assert!(settings.tools.docs_paths.is_empty());
    assert!(settings.mcp.servers.is_empty());
    assert!(settings.net.allowed_private_hosts.is_empty());
    assert!(matches!(settings.sandbox, SandboxSettings::Auto));
}

#[test]
fn the_distributed_programs_have_their_own_defaults() {
    for (program, metrics) in [
        (Program::Api, "127.0.0.1:9006"),
        (Program::Executor, "127.0.0.1:9007"),
    ] {
        let settings = from_env(program, &distributed(&[])).unwrap();
        assert!(!settings.database.migrate_on_start);
        assert_eq!(settings.database.max_connections, 20);
        assert_eq!(settings.metrics.listen.unwrap().to_string(), metrics);
        assert!(settings.files.url.is_none());
        let BackendSettings::Distributed { redis, rabbitmq } = settings.backend else {
            unreachable!("{program} is distributed")
        };
        assert_eq!(redis.prefix, "copilot");
        assert_eq!(rabbitmq.prefix, "copilot");
        assert_eq!(redis.tls, TlsSettings::default());
        let Some(AuthSettings::Jwt {
            verifier: JwtVerifier::Secret(_),
            issuer: None,
            audience: Some(audience),
            allow_anonymous: false,
        }) = settings.auth
        else {
            unreachable!("{program} asks for tokens")
        };
        assert_eq!(audience, "authenticated");
    }
}

#[test]
fn the_distributed_programs_say_which_server_they_miss() {
    for (index, key) in [
        "database.url",
        "redis.url",
        "rabbitmq.url",
        "auth.jwt_secret",
    ]
    .iter()
    .enumerate()
    {
        let mut environment = DISTRIBUTED.to_vec();
        environment.remove(index);
        let error = from_env(Program::Api, &environment).unwrap_err();
        assert_eq!(error.key(), Some(*key));
        assert!(
            error.to_string().contains("needed by copilot-api"),
            "{error}"
        );
    }
    let [servers @ .., _secret] = DISTRIBUTED;
    let executor = from_env(Program::Executor, &servers).unwrap();
    assert!(executor.auth.is_none());
}

#[test]
fn migrate_needs_no_server_but_the_database() {
    let sources = Sources::new("/nowhere", None, [("DATABASE_URL", "postgres://h/copilot")]);
    let draft = SettingsDraft::read(Program::Api, &sources).unwrap();
    assert_eq!(
        draft.database().unwrap().url.expose(),
        "postgres://h/copilot"
    );
    assert_eq!(draft.log().level, "info");
    assert!(draft.settings().is_err());
}

#[test]
fn files_lie_beside_the_database_file() {
    for (database, files) in [
        (
            "sqlite:///var/lib/copilot/c.db?mode=rwc",
            "file:///var/lib/copilot/files",
        ),
        ("sqlite://data/c.db", "file:///nowhere/data/files"),
        ("sqlite::memory:", "file:///nowhere/files"),
        ("postgres://h/copilot", "file:///nowhere/files"),
    ] {
        let settings = copilot(&[("COPILOT__DATABASE__URL", database)]);
        assert_eq!(settings.files.url.unwrap().expose(), files, "{database}");
    }
}
