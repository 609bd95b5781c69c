use super::*;

#[test]
fn a_wrong_value_is_told_with_key_value_place_and_remedy() {
    assert_eq!(
        refused("COPILOT__TURN__MAX_STEPS", "many"),
        "turn.max_steps: expected a whole number, got \"many\" (env COPILOT__TURN__MAX_STEPS); \
         set it by COPILOT__TURN__MAX_STEPS or in copilot.toml"
    );
    assert_eq!(
        from_file("[turn]\nmax_steps = 1001")
            .unwrap_err()
            .to_string(),
        "turn.max_steps: expected 1 to 1000, got 1001 (file copilot.toml); \
         set it by COPILOT__TURN__MAX_STEPS or in copilot.toml"
    );
}

#[test]
fn each_wrong_value_names_its_key() {
    for (key, values) in [
        (
            "server.listen",
            &["8006", "localhost:8006", "127.0.0.1"][..],
        ),
        ("server.base_path", &["copilot"]),
        ("server.public_url", &["copilot.example.com", "ftp://a"]),
        ("server.cors_origins", &["*", "https://a/b"]),
        ("server.allowed_hosts", &["http://a", "a/b"]),
        ("server.trusted_proxies", &["proxy", "10.0.0.0/40"]),
        ("server.max_body_bytes", &["0", "4MB", "-1"]),
        ("server.shutdown_delay_seconds", &["-1", "5s"]),
        ("database.url", &["mysql://h/db", "copilot.db"]),
        ("database.max_connections", &["0"]),
        ("database.migrate_on_start", &["maybe"]),
        ("redis.url", &["http://h"]),
        ("redis.prefix", &["a:b", "{a}"]),
        ("rabbitmq.url", &["http://h"]),
        ("rabbitmq.prefix", &["a b"]),
        ("auth.mode", &["none"]),
        ("auth.jwt_secret", &["0012"]),
        ("auth.jwks_url", &["file:///etc/passwd"]),
        ("llm.provider", &["skynet"]),
        ("llm.base_url", &["localhost:11434"]),
        ("llm.temperature", &["2.1", "-1", "hot"]),
        ("llm.max_output_tokens", &["0", "all"]),
        ("llm.reasoning", &["a lot"]),
        ("llm.headers", &["X-Team", "a b=c"]),
        ("llm.max_retries", &["21"]),
        ("llm.idle_timeout_seconds", &["0"]),
        ("turn.max_steps", &["0", "1001", "1.5"]),
        ("turn.timeout_seconds", &["0"]),
        ("turn.max_attempts", &["0"]),
        ("turn.max_running_per_user", &["0"]),
        ("turn.max_in_flight_per_user", &["0", "4"]),
        ("executor.concurrency", &["0", "65536"]),
        ("executor.heartbeat_seconds", &["0"]),
        ("executor.lease_seconds", &["4"]),
        ("stream.ttl_seconds", &["0"]),
        ("stream.heartbeat_seconds", &["0"]),
        ("stream.profile", &["v4", ""]),
        ("metrics.listen", &["on", "127.0.0.1:8006"]),
        ("log.format", &["xml"]),
        ("log.level", &["inof"]),
        ("telemetry.otlp_endpoint", &["localhost"]),
        ("tracking.kind", &["cookies"]),
        ("tracking.url", &["hooks"]),
        ("files.url", &["/var/lib/files"]),
        ("files.max_file_bytes", &["0"]),
        ("files.max_workspace_bytes", &["99999999"]),
        ("files.shared", &["2"]),
        ("credentials.keys", &["short"]),
        ("retention.session_days", &["0"]),
        ("tools.disabled", &["a tool"]),
        ("mcp.servers", &["docs", "docs=ftp://a"]),
        ("net.allowed_private_hosts", &["localhost"]),
        ("sandbox.kind", &["chroot"]),
    ] {
        let variable = error::variable(key);
        for value in values {
            let text = refused(&variable, value);
            assert!(text.starts_with(&format!("{key}: ")), "{value}: {text}");
            assert!(text.contains(&variable), "{value}: {text}");
        }
    }
}

#[test]
fn what_needs_another_key_names_the_missing_one() {
    for (environment, missing) in [
        (("COPILOT__TRACKING__KIND", "webhook"), "tracking.url"),
        (("COPILOT__SANDBOX__KIND", "e2b"), "sandbox.e2b_api_key"),
        (("COPILOT__LLM__PROVIDER", "anthropic"), "llm.api_key"),
        (("COPILOT__AUTH__MODE", "jwt"), "auth.jwt_secret"),
        (
            ("COPILOT__REDIS__TLS_CERT_FILE", "/c.pem"),
            "redis.tls_key_file",
        ),
        (
            ("COPILOT__DATABASE__TLS_KEY_FILE", "/c.key"),
            "database.tls_cert_file",
        ),
    ] {
        let (name, value) = environment;
        let text = refused(name, value);
        assert!(text.starts_with(&format!("{missing}: needed ")), "{text}");
    }
}

#[test]
fn local_mode_is_refused_where_others_can_reach_it() {
    for listen in ["0.0.0.0:8006", "192.168.1.5:8006", "[::]:8006"] {
        let address = ("COPILOT__SERVER__LISTEN", listen);
        let text = from_env(Program::Copilot, &[address])
            .unwrap_err()
            .to_string();
        assert!(
            text.starts_with("auth.mode: ") && text.contains(listen),
            "{text}"
        );
        copilot(&[address, ("COPILOT__AUTH__ALLOW_INSECURE", "true")]);
        copilot(&[
            address,
            ("COPILOT__AUTH__MODE", "jwt"),
            ("COPILOT__AUTH__JWKS_URL", "https://id.example.com/jwks"),
        ]);
    }
    for listen in ["[::1]:8006", "127.9.9.9:0", "[::ffff:127.0.0.1]:8006"] {
        copilot(&[("COPILOT__SERVER__LISTEN", listen)]);
    }
}

#[test]
fn a_secret_and_published_keys_exclude_each_other() {
    let environment = distributed(&[("COPILOT__AUTH__JWKS_URL", "https://id.example.com/jwks")]);
    let error = from_env(Program::Api, &environment).unwrap_err();
    assert_eq!(error.key(), Some("auth.jwks_url"));
}

#[test]
fn the_distributed_programs_refuse_what_they_cannot_share() {
    for (setting, key) in [
        (
            ("COPILOT__DATABASE__URL", "sqlite://copilot.db"),
            "database.url",
        ),
        (("COPILOT__FILES__URL", "file:///files"), "files.url"),
        (("COPILOT__FILES__URL", "memory:///"), "files.url"),
    ] {
        let error = from_env(Program::Executor, &distributed(&[setting])).unwrap_err();
        assert_eq!(error.key(), Some(key));
    }
    let shared = [
        ("COPILOT__FILES__URL", "file:///files"),
        ("COPILOT__FILES__SHARED", "true"),
    ];
    from_env(Program::Api, &distributed(&shared)).unwrap();
}

#[test]
fn durations_may_be_fractions_and_zero_means_never_for_a_connection() {
    let settings = copilot(&[
        ("COPILOT__EXECUTOR__HEARTBEAT_SECONDS", "0.25"),
        ("COPILOT__EXECUTOR__LEASE_SECONDS", "1"),
        ("COPILOT__STREAM__CONNECTION_SECONDS", "90"),
        ("COPILOT__METRICS__LISTEN", "off"),
    ]);
    assert_eq!(settings.executor.heartbeat.as_millis(), 250);
    assert_eq!(settings.stream.connection_limit.unwrap().as_secs(), 90);
    assert_eq!(settings.metrics.listen, None);
}
