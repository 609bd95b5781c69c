use super::*;
use copilot_harness::identity::{IdentityProvider, SigningKey};
use futures::future::join_all;

const NEVER: Duration = Duration::from_hours(1);
const PACE: Pace = Pace {
    pause: NEVER,
    fresh: NEVER,
    max_age: NEVER,
};

fn ring(provider: &IdentityProvider, pace: Pace) -> KeyRing {
    let source = KeySource::new(&provider.jwks_url()).unwrap();
    KeyRing::new(source, pace, TaskTracker::new())
}

async fn provider_of(ids: &[&str]) -> IdentityProvider {
    let provider = IdentityProvider::start().await;
    let keys: Vec<_> = ids.iter().map(|id| SigningKey::ed25519(id)).collect();
    provider.publish(&keys);
    provider
}

async fn finds(ring: &KeyRing, id: &str) -> bool {
    ring.key(Some(id)).await.is_ok()
}

#[tokio::test]
async fn many_who_ask_at_once_cause_one_fetch() {
    let provider = provider_of(&["a"]).await;
    provider.answer_after(Duration::from_millis(100));
    let ring = ring(&provider, PACE);

    let found = join_all((0..50).map(|_| finds(&ring, "a"))).await;

    assert!(found.into_iter().all(|found| found));
    assert_eq!(provider.requests(), 1);
    assert!(finds(&ring, "a").await);
    assert_eq!(
        provider.requests(),
        1,
        "what is known is not asked for again"
    );
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_end_the_fetch_of_the_others() {
    let provider = provider_of(&["a"]).await;
    let gate = provider.hold();
    let ring = ring(&provider, PACE);

    let gone = tokio::time::timeout(Duration::from_millis(50), ring.key(Some("a"))).await;
    assert!(gone.is_err(), "it waits for the provider");
    let (found, ()) = tokio::join!(finds(&ring, "a"), async { gate.release() });

    assert!(found);
    assert_eq!(provider.requests(), 1);
}

#[tokio::test]
async fn forged_key_ids_do_not_hammer_the_provider() {
    let provider = provider_of(&["a"]).await;
    let ring = ring(&provider, PACE);
    assert!(finds(&ring, "a").await);

    for n in 0..200 {
        let forged = ring.key(Some(&format!("forged-{n}"))).await;
        assert!(matches!(forged, Err(TokenFault::Invalid(_))));
    }

    assert_eq!(provider.requests(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_by_its_first_token_once_the_pause_is_over() {
    let provider = provider_of(&["old"]).await;
    let pace = Pace {
        pause: Duration::ZERO,
        ..PACE
    };
    let ring = ring(&provider, pace);
    assert!(finds(&ring, "old").await);
    assert!(!finds(&ring, "new").await);

    provider.publish(&[SigningKey::ed25519("new")]);

    assert!(finds(&ring, "new").await);
    assert!(
        !finds(&ring, "old").await,
        "what is withdrawn is good no more"
    );
}

#[tokio::test]
async fn known_keys_outlive_the_provider_and_nobody_waits_for_it() {
    let provider = provider_of(&["a"]).await;
    let pace = Pace {
        pause: Duration::ZERO,
        fresh: Duration::ZERO,
        max_age: NEVER,
    };
    let ring = ring(&provider, pace);
    assert!(finds(&ring, "a").await);
    let _gate = provider.hold();

    let quick = tokio::time::timeout(Duration::from_secs(1), finds(&ring, "a")).await;

    assert_eq!(quick, Ok(true));
    assert!(ring.check().await.is_ok());
}

#[tokio::test]
async fn keys_beyond_their_age_are_renewed_first_and_used_if_that_fails() {
    let provider = provider_of(&["a"]).await;
    let pace = Pace {
        pause: Duration::ZERO,
        fresh: Duration::ZERO,
        max_age: Duration::ZERO,
    };
    let ring = ring(&provider, pace);
    assert!(finds(&ring, "a").await);
    provider.answer_status(500);
    assert!(finds(&ring, "a").await);
    assert_eq!(provider.requests(), 2);
    let unknown = ring.key(Some("b")).await;
    assert_eq!(unknown.unwrap_err(), TokenFault::NoKeys, "nobody can tell");

    provider.publish(&[SigningKey::ed25519("b")]);

    assert!(finds(&ring, "b").await);
    let withdrawn = ring.key(Some("a")).await;
    assert!(matches!(withdrawn, Err(TokenFault::Invalid(_))));
}

#[tokio::test]
async fn old_keys_wait_once_for_a_provider_that_is_away() {
    let provider = provider_of(&["a"]).await;
    let pace = Pace {
        pause: Duration::ZERO,
        fresh: Duration::ZERO,
        max_age: Duration::ZERO,
    };
    let ring = ring(&provider, pace);
    assert!(finds(&ring, "a").await);
    provider.answer_status(500);
    assert!(finds(&ring, "a").await);
    let _gate = provider.hold();

    let quick = tokio::time::timeout(Duration::from_secs(1), finds(&ring, "a")).await;

    assert_eq!(quick, Ok(true));
}

#[tokio::test]
async fn a_provider_that_withdraws_all_keys_is_believed() {
    let provider = provider_of(&["a"]).await;
    let pace = Pace {
        pause: Duration::ZERO,
        ..PACE
    };
    let ring = ring(&provider, pace);
    assert!(finds(&ring, "a").await);

    provider.publish(&[]);

    assert!(!finds(&ring, "unknown, so the set is asked for").await);
    let withdrawn = ring.key(Some("a")).await;
    assert!(matches!(withdrawn, Err(TokenFault::Invalid(_))));
    assert!(ring.check().await.is_err());
}

#[tokio::test]
async fn without_any_key_it_is_not_ready_and_says_that_it_cannot_tell() {
    let provider = IdentityProvider::start().await;
    let pace = Pace {
        pause: Duration::ZERO,
        ..PACE
    };
    let ring = ring(&provider, pace);
    let large = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(1 << 20));
    for answer in ["", "<html>", large.as_str()] {
        provider.answer_body(answer);
        let key = ring.key(Some("a")).await;
        assert_eq!(key.unwrap_err(), TokenFault::NoKeys);
        assert!(ring.check().await.unwrap_err().is_unavailable());
    }
    for status in [301, 404, 500] {
        provider.answer_status(status);
        assert!(ring.check().await.is_err(), "{status}");
    }

    provider.publish(&[SigningKey::ed25519("a")]);

    assert!(ring.check().await.is_ok());
    assert!(finds(&ring, "a").await);
}
