//! Tokens of an identity provider that publishes its keys.

use std::time::Duration;

use copilot_harness::deadline::{DEADLINE, poll_until, within};
use copilot_harness::identity::{claims, unsigned};
use copilot_harness::{Copilot, IdentityProvider, SigningKey, TestStack};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::net::TcpStream;

async fn start(keys: &[SigningKey]) -> (IdentityProvider, TestStack) {
    let provider = IdentityProvider::start().await;
    provider.publish(keys);
    let token = keys[0].sign(&claims("ann"));
    let stack = TestStack::builder()
        .signed_in_by(&provider, token)
        .start()
        .await;
    (provider, stack)
}

#[tokio::test]
async fn keys_of_each_kind_are_good_and_forged_tokens_are_not() {
    let (rsa, p256, ed) = (
        SigningKey::rsa("rsa"),
        SigningKey::p256("p256"),
        SigningKey::ed25519("ed"),
    );
    let (_provider, stack) = start(&[rsa.clone(), p256.clone(), ed.clone()]).await;
    let good = claims("ann");
    for key in [&rsa, &p256, &ed] {
        let client = stack.client.with_token(key.sign(&good));
        client.list_sessions().ok().await;
    }
    let named = |algorithm: &str, id: &str| json!({"alg": algorithm, "kid": id});
    // The public key as a secret, in every form in which one could take it for that.
    let public = rsa.published();
    let as_secrets = [public.to_string(), public["n"].as_str().unwrap().to_owned()];
    let mut forged: Vec<(String, String)> = as_secrets
        .iter()
        .map(|secret| {
            let token = SigningKey::secret(secret).seal(&named("HS256", "rsa"), &good);
            ("the public key as a secret".to_owned(), token)
        })
        .collect();
    let none = unsigned(&named("none", "rsa"), &good);
    forged.push(("no algorithm".into(), format!("{none}.")));
    for (name, header) in [
        ("another family", named("ES256", "rsa")),
        ("another size", named("RS512", "rsa")),
        ("another padding", named("PS256", "rsa")),
        ("another's name", named("RS256", "ed")),
        ("no name among several keys", json!({"alg": "RS256"})),
        (
            "a critical extension",
            json!({"alg": "RS256", "kid": "rsa", "crit": ["exp"]}),
        ),
    ] {
        forged.push((name.into(), rsa.seal(&header, &good)));
    }
    let unknown = [
        "",
        "RSA",
        "rsa ",
        "../rsa",
        "/etc/passwd",
        "rsa\0",
        "' OR 1=1 --",
        "%72sa",
    ];
    for id in unknown {
        forged.push((format!("{id:?}"), rsa.seal(&named("RS256", id), &good)));
    }
    let stolen = SigningKey::rsa("rsa");
    forged.push(("another key of that name".into(), stolen.sign(&good)));
    let mut inline = named("RS256", "rsa");
    inline["jwk"] = stolen.published();
    inline["jku"] = "http://127.0.0.1:1/keys".into();
    forged.push((
        "a key that it brings along".into(),
        stolen.seal(&inline, &good),
    ));
    let mut expired = good.clone();
    expired["exp"] = 1.into();
    forged.push(("expired".into(), rsa.sign(&expired)));

    for (name, token) in forged {
        let answer = stack
            .client
            .with_token(token)
            .post("/api/chat/sessions")
            .answer()
            .await;
        assert_eq!(answer.status, 401, "{name}: {}", answer.text());
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{name}");
    }
    assert_eq!(stack.client.list_sessions().ok().await["total"], 0);
    stack.finish().await;
}

#[tokio::test]
async fn a_rotation_lets_the_new_key_in_and_the_old_one_out() {
    let (old, new) = (SigningKey::rsa("old"), SigningKey::p256("new"));
    let (provider, mut stack) = start(std::slice::from_ref(&old)).await;
    let with_new = stack.client.with_token(new.sign(&claims("ann")));
    stack.client.list_sessions().ok().await;
    with_new.list_sessions().problem(401).await;

    provider.publish(std::slice::from_ref(&new));

    let let_in = || async { with_new.list_sessions().answer().await.status == 200 };
    poll_until(DEADLINE, || "the new key is known".to_owned(), let_in).await;
    stack.client.list_sessions().problem(401).await;
    stack.client = with_new;
    stack.finish().await;
}

#[tokio::test]
async fn forged_key_ids_cost_the_provider_next_to_nothing() {
    let known = SigningKey::ed25519("known");
    let (provider, stack) = start(std::slice::from_ref(&known)).await;
    let begun = tokio::time::Instant::now();

    let forged: Vec<_> = (0..100)
        .map(|n| SigningKey::ed25519(&format!("forged-{n}")).sign(&claims("ann")))
        .collect();
    let answers = join_all(forged.into_iter().map(|token| {
        let client = stack.client.with_token(token);
        async move { client.list_sessions().answer().await.status }
    }))
    .await;

    assert!(answers.iter().all(|status| *status == 401), "{answers:?}");
    // The first at the start, one more at most every 5 s.
    let allowed = 2 + begun.elapsed().as_secs() / 5;
    assert!(
        provider.requests() as u64 <= allowed,
        "{}",
        provider.requests()
    );
    stack.client.list_sessions().ok().await;
    stack.finish().await;
}

#[tokio::test]
async fn a_provider_that_is_away_or_slow_stops_nobody_who_is_known() {
    let known = SigningKey::ed25519("known");
    let (provider, stack) = start(std::slice::from_ref(&known)).await;
    let stranger = stack
        .client
        .with_token(SigningKey::ed25519("other").sign(&claims("bob")));
    let cannot_tell = || async { stranger.list_sessions().answer().await.status == 503 };

    provider.answer_status(500);
    let what = || "the provider was asked in vain".to_owned();
    poll_until(DEADLINE, what, cannot_tell).await;
    let refused = stranger.list_sessions().status(503).await;
    assert!(refused.retry_after() > Some(0));
    assert_eq!(refused.problem().code, "token_unchecked");
    stack.client.list_sessions().ok().await;
    stack.client.get("/readyz").ok().await;

    // It answers nobody any more: who is not known waits a while, who is known does not.
    let _gate = provider.hold();
    let before = provider.requests();
    let is_asked = || async {
        let waiting = stranger.list_sessions().answer();
        tokio::time::timeout(Duration::from_millis(100), waiting)
            .await
            .ok();
        provider.requests() > before
    };
    poll_until(DEADLINE, || "the provider is asked".to_owned(), is_asked).await;
    let quick = within(
        Duration::from_secs(2),
        || "a known user's answer".to_owned(),
        async { stack.client.list_sessions().ok().await },
    );
    assert_eq!(quick.await["total"], 0);
    stack.finish().await;
}

#[tokio::test]
async fn without_any_key_nobody_is_let_in_and_the_probe_says_why() {
    let provider = IdentityProvider::start().await;
    let key = SigningKey::rsa("late");
    let mut copilot = Copilot::new()
        .env("COPILOT__AUTH__MODE", "jwt")
        .env("COPILOT__AUTH__JWKS_URL", provider.jwks_url());
    provider.answer_status(503);
    copilot.spawn();
    let address = copilot.base().trim_start_matches("http://").to_owned();
    let listens = || async { TcpStream::connect(&address).await.is_ok() };
    poll_until(
        DEADLINE,
        || format!("something listens on {address}"),
        listens,
    )
    .await;
    let client = copilot.client().with_token(key.sign(&claims("ann")));

    let refused = client.list_sessions().status(503).await;
    let probe = client.get("/readyz").problem(503).await;

    assert!(refused.retry_after() > Some(0));
    assert_eq!(refused.problem().code, "token_unchecked");
    assert!(probe.detail.contains("jwks"), "{}", probe.detail);
    assert_eq!(
        client
            .without_token()
            .list_sessions()
            .problem(401)
            .await
            .code,
        "token_missing"
    );
    client.get("/livez").ok().await;
    client.get("/api/chat/health").ok().await;

    provider.publish(std::slice::from_ref(&key));
    copilot.until_ready().await;
    let listed: Value = client.list_sessions().ok().await;
    assert_eq!(listed["total"], 0);
}
