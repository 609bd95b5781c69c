//! Who may call with a token, and what becomes of a forged one.

use copilot_harness::deadline::{DEADLINE, within};
use copilot_harness::identity::{JWT_SECRET, claims, token_of, unsigned};
use copilot_harness::{Client, Copilot, SigningKey, TestStack, text};
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SESSIONS: &str = "/api/chat/sessions";
const ISSUER: &str = "https://id.example.com/";
const NOBODYS: &str = "01890000-0000-7000-8000-000000000000";

/// What a good token says here.
fn good() -> Value {
    with("iss", ISSUER)
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims("ann");
    claims["iss"] = ISSUER.into();
    claims[name] = value.into();
    claims
}

fn without(name: &str) -> Value {
    let mut claims = good();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// The instant of a good token's `iat`, and some seconds.
fn from_now(seconds: i64) -> i64 {
    good()["iat"].as_i64().unwrap() + seconds
}

async fn start() -> TestStack {
    let key = SigningKey::secret(JWT_SECRET);
    let builder = TestStack::builder().signed_in("ann");
    let mut stack = builder.env("COPILOT__AUTH__ISSUER", ISSUER).start().await;
    stack.client = stack.client.with_token(key.sign(&good()));
    stack
}

async fn refused(client: &Client, name: &str, authorization: &str) {
    let created = client.post(SESSIONS);
    let answer = created
        .header("authorization", authorization)
        .answer()
        .await;
    assert_eq!(answer.status, 401, "{name}: {}", answer.text());
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{name}");
    let problem = answer.problem();
    let expected = if name == "expired" {
        "token_expired"
    } else {
        "token_invalid"
    };
    assert_eq!(problem.code, expected, "{name}");
    for secret in [JWT_SECRET, ISSUER, "HS256"] {
        assert!(!answer.text().contains(secret), "{name}: {}", answer.text());
    }
}

#[tokio::test]
async fn no_forged_token_is_let_in_and_nothing_is_saved() {
    let stack = start().await;
    let client = stack.client.without_token();
    let key = SigningKey::secret(JWT_SECRET);
    let wrong = SigningKey::secret("another secret that is long enough too");
    let token = key.sign(&good());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let none = unsigned(&json!({"alg": "none"}), &good());
    let header = |name: &str, value: Value| {
        let mut header = key.header();
        header[name] = value;
        key.seal(&header, &good())
    };

    for (name, token) in [
        ("wrong secret", wrong.sign(&good())),
        ("no algorithm", format!("{none}.")),
        (
            "no algorithm, with a signature",
            format!("{none}.{signature}"),
        ),
        (
            "None in capitals",
            format!("{}.", unsigned(&json!({"alg": "NONE"}), &good())),
        ),
        (
            "another algorithm of the family",
            header("alg", json!("HS512")),
        ),
        (
            "an algorithm of another family",
            header("alg", json!("RS256")),
        ),
        ("an unknown algorithm", header("alg", json!("XX256"))),
        ("a critical extension", header("crit", json!(["b64"]))),
        ("an empty list of extensions", header("crit", json!([]))),
        ("expired", key.sign(&with("exp", from_now(-3600)))),
        ("no end", key.sign(&without("exp"))),
        (
            "an end that is no number",
            key.sign(&with("exp", "tomorrow")),
        ),
        ("a negative end", key.sign(&with("exp", -1))),
        ("not yet valid", key.sign(&with("nbf", from_now(3600)))),
        (
            "a beginning that is no number",
            key.sign(&with("nbf", "today")),
        ),
        (
            "wrong issuer",
            key.sign(&with("iss", "https://evil.example/")),
        ),
        ("no issuer", key.sign(&without("iss"))),
        ("wrong audience", key.sign(&with("aud", "anon"))),
        ("other audiences", key.sign(&with("aud", json!(["a", "b"])))),
        ("no audience", key.sign(&without("aud"))),
        ("no subject", key.sign(&without("sub"))),
        ("null subject", key.sign(&with("sub", Value::Null))),
        ("empty subject", key.sign(&with("sub", ""))),
        ("blank subject", key.sign(&with("sub", "  "))),
        ("a subject that is a number", key.sign(&with("sub", 7))),
        (
            "a subject that is a list",
            key.sign(&with("sub", json!(["ann"]))),
        ),
        ("a subject with U+0000", key.sign(&with("sub", "ann\0"))),
        (
            "a subject that is too long",
            key.sign(&with("sub", "x".repeat(256))),
        ),
        ("claims that are no object", key.sign(&json!(["ann"]))),
        ("truncated signature", token[..token.len() - 4].to_owned()),
        ("no signature", message.to_owned()),
        ("empty signature", format!("{message}.")),
        (
            "one bit of the claims",
            format!(
                "{}.{signature}",
                unsigned(&key.header(), &with("sub", "bob"))
            ),
        ),
        ("four parts", format!("{token}.{signature}")),
        ("two dots", "..".to_owned()),
        ("garbage", "not-a-token".to_owned()),
        ("garbage in three parts", "a.b.c".to_owned()),
        ("two tokens", format!("{token} {token}")),
        ("a comma behind it", format!("{token},")),
        ("20 kB", format!("{token}{}", "A".repeat(20_000))),
    ] {
        refused(&client, name, &format!("Bearer {token}")).await;
    }
    for (name, value) in [
        ("another scheme", format!("Basic {token}")),
        ("no scheme", token.clone()),
        ("no token", "Bearer".to_owned()),
        ("nothing", String::new()),
    ] {
        refused(&client, name, &value).await;
    }

    assert_eq!(stack.client.list_sessions().ok().await["total"], 0);
    stack.finish().await;
}

#[tokio::test]
async fn a_token_counts_only_once_and_only_in_its_header() {
    let stack = start().await;
    let token = SigningKey::secret(JWT_SECRET).sign(&good());
    let client = stack.client.without_token();

    let twice = client.post(SESSIONS).token(&token).token(&token);
    assert_eq!(twice.problem(401).await.code, "token_invalid");
    for name in ["token", "access_token", "authorization"] {
        let in_query = client.post(SESSIONS).query(name, &token);
        assert_eq!(in_query.problem(401).await.code, "token_missing");
    }
    let in_cookie = client
        .post(SESSIONS)
        .header("cookie", &format!("token={token}"));
    assert_eq!(in_cookie.problem(401).await.code, "token_missing");

    assert_eq!(stack.client.list_sessions().ok().await["total"], 0);
    let lower_case = client
        .post(SESSIONS)
        .header("authorization", &format!("bearer {token}"));
    assert_eq!(lower_case.ok().await["user_id"], "ann");
    stack.finish().await;
}

#[tokio::test]
async fn a_head_of_a_megabyte_is_refused() {
    let stack = start().await;
    let address = stack.client.base().trim_start_matches("http://").to_owned();
    let (mut reading, mut writing) = TcpStream::connect(&address).await.unwrap().into_split();
    let head = format!(
        "POST {SESSIONS} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\r\n",
        "A".repeat(1_000_000)
    );

    let mut answer = [0; 12];
    let both = async {
        tokio::join!(
            reading.read_exact(&mut answer),
            writing.write_all(head.as_bytes())
        )
    };
    let (read, _broken) = within(DEADLINE, || "an answer or an end".to_owned(), both).await;

    // It may hang up while the head is still on its way.
    if read.is_ok() {
        assert_eq!(str::from_utf8(&answer).unwrap(), "HTTP/1.1 431");
    }
    assert_eq!(stack.client.list_sessions().ok().await["total"], 0);
    stack.finish().await;
}

#[tokio::test]
async fn tokens_within_the_rules_are_good() {
    let stack = start().await;
    let key = SigningKey::secret(JWT_SECRET);

    for claims in [
        with("aud", json!(["other", "authenticated"])),
        with("nbf", from_now(-5)),
        with("exp", json!(1e10)),
        with("unknown", json!({"role": "admin"})),
    ] {
        let client = stack.client.with_token(key.sign(&claims));
        assert_eq!(client.list_sessions().ok().await["total"], 0, "{claims}");
    }
    let long = "é".repeat(255);
    let client = stack
        .client
        .with_token(key.sign(&with("sub", long.as_str())));
    assert_eq!(client.post(SESSIONS).ok().await["user_id"], long.as_str());
    stack.finish().await;
}

#[tokio::test]
async fn what_everybody_may_see_needs_no_token() {
    let stack = start().await;
    let client = stack.client.without_token();

    for path in [
        "/",
        "/docs",
        "/openapi.json",
        "/livez",
        "/readyz",
        "/api/chat/health",
        "/api/chat/config/ttl",
    ] {
        client.get(path).status(200).await;
        // A token that is wrong does no harm there.
        client.get(path).token("garbage").status(200).await;
    }
    let schema = client.get("/api/chat/schema/tool-responses").answer().await;
    assert_ne!(schema.status, 401);
    // There are no pages to keep out: a token is not sent by itself.
    client
        .get("/livez")
        .host("copilot.example.com")
        .status(200)
        .await;
    stack.finish().await;
}

/// Every route of a session, as somebody tries it.
async fn tried(client: &Client, session: &str, turn: &str, cursor: &str, expected: u16) {
    let at = |path: &str| format!("{SESSIONS}/{session}{path}");
    for call in [
        client.get_session(session),
        client.delete_session(session),
        client.rename(session, "mine"),
        client.claim(session),
        client.start_stream(session, "hi"),
        client.resume(session, None),
        client.resume(session, Some(cursor)),
        client.start_turn(session, "hi"),
        client.list_turns(session),
        client.get_turn(session, turn),
        client.replay(session, turn, None),
        client.replay(session, turn, Some(cursor)),
        client.cancel(session, None),
        client.cancel(session, Some(turn)),
        client.call(&Method::DELETE, &at("?keep_files=true")),
        client.get(&at("?include_active=true")),
    ] {
        call.problem(expected).await;
    }
}

#[tokio::test]
async fn another_users_session_is_not_there_on_any_route() {
    let stack = TestStack::builder().signed_in("ann").start().await;
    stack.llm.script([text("an answer")]);
    let session = stack.client.create_session().await;
    let mut seen = stack.client.start_stream(&session, "hello").events();
    let seen = seen.to_finish().await;
    let (turn, cursor) = (seen.turn_id(), seen.last_cursor().unwrap());
    let before = stack.client.get_session(&session).ok().await;

    let bob = stack.client.with_token(token_of("bob"));
    tried(&bob, &session, turn, cursor, 404).await;
    tried(&stack.client.without_token(), &session, turn, cursor, 401).await;
    let own = bob.create_session().await;
    bob.get_turn(&own, turn).problem(404).await;
    bob.replay(&own, turn, None).problem(404).await;
    bob.cancel(&own, Some(turn)).problem(404).await;
    bob.resume(&own, Some(cursor)).status(204).await;

    assert_eq!(stack.client.get_session(&session).ok().await, before);
    assert_eq!(stack.client.list_sessions().ok().await["total"], 1);
    assert_eq!(bob.list_sessions().ok().await["sessions"][0]["id"], own);
    stack.client.claim(&session).ok().await;
    stack.client.claim(NOBODYS).problem(404).await;
    assert_eq!(stack.client.get_session(&session).ok().await, before);
    stack.finish().await;
}

#[tokio::test]
async fn a_chats_name_is_each_users_own() {
    let stack = TestStack::builder().signed_in("ann").start().await;
    stack.llm.script([text("to ann"), text("to bob")]);
    let bob = stack.client.with_token(token_of("bob"));
    let hello = || [copilot_harness::client::user_message("m1", "hello")];

    let to_ann = stack
        .client
        .ai_sdk_send("chat", hello())
        .events()
        .to_finish()
        .await;
    let to_bob = bob.ai_sdk_send("chat", hello()).events().to_finish().await;

    assert_eq!(
        (to_ann.text(), to_bob.text()),
        ("to ann".into(), "to bob".into())
    );
    let stranger = stack.client.without_token();
    stranger.ai_sdk_send("chat", hello()).problem(401).await;
    stranger.ai_sdk_resume("chat").problem(401).await;
    stack.finish().await;
}

#[tokio::test]
async fn the_token_command_signs_what_the_server_accepts() {
    let stack = start().await;

    let printed = stack.copilot.run(&["token", "--user", "auth0|zoë"]).await;

    assert!(printed.status.success(), "{printed:?}");
    let token = String::from_utf8(printed.stdout).unwrap();
    let client = stack.client.with_token(token.trim());
    assert_eq!(client.post(SESSIONS).ok().await["user_id"], "auth0|zoë");
    stack.finish().await;
}

#[tokio::test]
async fn the_token_command_says_why_it_cannot_sign() {
    let jwt = || Copilot::new().env("COPILOT__AUTH__MODE", "jwt");
    let secret = || jwt().env("COPILOT__AUTH__JWT_SECRET", JWT_SECRET);
    let url = "http://127.0.0.1:1/jwks.json";
    for (copilot, arguments, expected) in [
        (Copilot::new(), &["token", "--user", "ann"][..], "auth.mode"),
        (jwt(), &["token", "--user", "ann"], "auth.jwt_secret"),
        (
            jwt().env("COPILOT__AUTH__JWKS_URL", url),
            &["token", "--user", "ann"],
            "auth.jwt_secret",
        ),
        (secret(), &["token", "--user", " "], "--user"),
        (secret(), &["token"], "--user"),
        (
            secret(),
            &["token", "--user", "ann", "--expires-in", "0"],
            "--expires-in",
        ),
    ] {
        let output = copilot.run(arguments).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{expected}"
        );
        assert!(
            said.contains(expected) && !said.contains(JWT_SECRET),
            "{said}"
        );
    }
}
