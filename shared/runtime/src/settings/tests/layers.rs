use super::*;

fn max_steps(settings: &Settings) -> u32 {
    settings.turn.max_steps
}

#[test]
fn the_environment_beats_the_file_and_the_file_the_default() {
    let folder = Folder::new().with("copilot.toml", "[turn]\nmax_steps = 7\nmax_attempts = 9\n");
    let sources = folder.sources(&[("COPILOT__TURN__MAX_STEPS", "8")]);
    let draft = SettingsDraft::read(Program::Copilot, &sources).unwrap();

    let settings = draft.settings().unwrap();
    assert_eq!(
        (settings.turn.max_steps, settings.turn.max_attempts),
        (8, 9)
    );

    let effective = draft.effective();
    let origin = |key| line(&effective, key).1;
    assert_eq!(origin("turn.max_steps"), "env COPILOT__TURN__MAX_STEPS");
    assert_eq!(origin("turn.max_attempts"), "file copilot.toml");
    assert_eq!(origin("turn.timeout_seconds"), "default");
}

#[test]
fn a_named_file_is_read_and_must_be_there() {
    let folder = Folder::new()
        .with("copilot.toml", "[turn]\nmax_steps = 7\n")
        .with("other.toml", "[turn]\nmax_steps = 8\n");
    let named = |name: &str| {
        let sources = Sources::new(&folder.0, Some(name.into()), Vec::<(String, String)>::new());
        Settings::load(Program::Copilot, &sources)
    };
    assert_eq!(max_steps(&named("other.toml").unwrap()), 8);
    let error = named("missing.toml").unwrap_err().to_string();
    assert!(error.starts_with("settings file missing.toml: "), "{error}");
}

#[test]
fn lists_are_lists_in_the_file_and_commas_in_the_environment() {
    let origins = ["http://a:1", "http://b:2"];
    let settings = from_file("[server]\ncors_origins = [\"http://a:1\", \"http://b:2\"]").unwrap();
    assert_eq!(settings.server.cors_origins, origins);
    let settings = copilot(&[("COPILOT__SERVER__CORS_ORIGINS", "http://a:1, http://b:2")]);
    assert_eq!(settings.server.cors_origins, origins);
}

#[test]
fn an_empty_list_or_text_in_the_environment_counts() {
    let folder = Folder::new().with("copilot.toml", "[tools]\ndisabled = [\"web_fetch\"]");
    let sources = folder.sources(&[
        ("COPILOT__TOOLS__DISABLED", ""),
        ("COPILOT__AUTH__MODE", "jwt"),
        (
            "COPILOT__AUTH__JWT_SECRET",
            "0123456789012345678901234567890123",
        ),
        ("COPILOT__AUTH__AUDIENCE", ""),
    ]);
    let settings = Settings::load(Program::Copilot, &sources).unwrap();
    assert!(settings.tools.disabled.is_empty());
    assert!(matches!(
        settings.auth,
        Some(AuthSettings::Jwt { audience: None, .. })
    ));
}

#[test]
fn any_other_blank_variable_counts_as_absent() {
    let folder = Folder::new().with("copilot.toml", "[database]\nurl = \"sqlite://file.db\"");
    let sources = folder.sources(&[
        ("COPILOT__DATABASE__URL", ""),
        ("DATABASE_URL", " "),
        ("COPILOT__TURN__MAX_STEPS", ""),
        ("OPENAI_API_KEY", ""),
    ]);
    let settings = Settings::load(Program::Copilot, &sources).unwrap();
    assert_eq!(settings.database.url.expose(), "sqlite://file.db");
    assert_eq!(max_steps(&settings), 30);
    assert_eq!(settings.llm.provider, Provider::Builtin);
}

#[test]
fn names_and_values_come_as_a_list_or_as_a_table() {
    let table = "[mcp.servers]\ndocs = \"https://a/mcp\"\n[llm.headers]\nX-Team = \"search\"";
    let list = "[mcp]\nservers = [\"docs=https://a/mcp\"]\n[llm]\nheaders = [\"X-Team=search\"]";
    for text in [table, list] {
        let settings = from_file(text).unwrap();
        let [server] = settings.mcp.servers.as_slice() else {
            unreachable!("one server was given")
        };
        assert_eq!(
            (server.name.as_str(), server.url.expose()),
            ("docs", "https://a/mcp")
        );
        assert!(matches!(settings.llm.headers.as_slice(), [(name, _)] if name == "X-Team"));
    }
}

#[test]
fn well_known_variables_stand_in_where_nothing_else_is_said() {
    let known = [
        ("DATABASE_URL", "sqlite://known.db"),
        ("RUST_LOG", "debug"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318"),
    ];
    let settings = copilot(&known);
    assert_eq!(settings.database.url.expose(), "sqlite://known.db");
    assert_eq!(settings.log.level, "debug");
    assert_eq!(settings.otlp_endpoint.unwrap().expose(), "http://otel:4318");

    let folder = Folder::new().with("copilot.toml", "[log]\nlevel = \"warn\"");
    let mut environment = known.to_vec();
    environment.push(("COPILOT__DATABASE__URL", "sqlite://own.db"));
    let sources = folder.sources(&environment);
    let settings = Settings::load(Program::Copilot, &sources).unwrap();
    assert_eq!(settings.database.url.expose(), "sqlite://own.db");
    assert_eq!(settings.log.level, "warn");
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_a_hint() {
    assert_eq!(
        refused("COPILOT__TURN__MAX_STEP", "3"),
        "unknown setting turn.max_step (env COPILOT__TURN__MAX_STEP); \
         did you mean turn.max_steps (COPILOT__TURN__MAX_STEPS)?"
    );
    assert_eq!(
        from_file("[turn]\nmax_stesp = 3").unwrap_err().to_string(),
        "unknown setting turn.max_stesp (file copilot.toml); did you mean turn.max_steps?"
    );
    assert_eq!(
        from_file("[sever]\nlisten = \"127.0.0.1:1\"")
            .unwrap_err()
            .to_string(),
        "unknown setting sever (file copilot.toml); did you mean server?"
    );
    assert_eq!(
        refused("COPILOT__WEATHER__UNIT", "celsius"),
        "unknown setting weather.unit (env COPILOT__WEATHER__UNIT)"
    );
    assert!(refused("COPILOT__TURN", "3").starts_with("unknown setting turn "));
    // Not ours: one underscore, or another program's.
    copilot(&[("COPILOT_TURN", "3"), ("MAX_STEPS", "3")]);
}

#[test]
fn every_program_knows_the_keys_of_all_programs() {
    for program in [Program::Copilot, Program::Api, Program::Executor] {
        let environment = distributed(&[
            ("COPILOT__EXECUTOR__CONCURRENCY", "3"),
            ("COPILOT__SERVER__BASE_PATH", "/copilot"),
            ("COPILOT__SANDBOX__KIND", "none"),
        ]);
        from_env(program, &environment).unwrap();
    }
}

#[test]
fn a_file_that_is_no_toml_is_told_in_one_line_without_its_text() {
    let error = from_file("[llm]\napi_key = hunter2\n")
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("settings file copilot.toml: "), "{error}");
    assert!(error.contains("line 2"), "{error}");
    assert!(
        !error.contains('\n') && !error.contains("hunter2"),
        "{error}"
    );
    let error = from_file("turn = 3").unwrap_err().to_string();
    assert_eq!(
        error,
        "settings file copilot.toml: expected a section [turn], got a value"
    );
}
