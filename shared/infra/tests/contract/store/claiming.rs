//! Claims, leases and hand-backs.

use super::{
    backend::Subject,
    scene::{
        LEASE, RULES, Scene, accepted, ann, at, bob, executor, fence, moment, new_turn, reply,
        session_of,
    },
};
use crate::world::id;
use copilot_core::{
    id::{ExecutorId, TurnId},
    port::store::{ClaimRules, Commit, HandBack, Lease, OwnedTurn},
    turn::{TurnKey, TurnStatus},
};
use std::{collections::HashSet, sync::Mutex, time::Duration};

const AT_ONCE: Duration = Duration::ZERO;

pub(crate) async fn a_claim_starts_a_turn(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let waiting = scene.queued().await;
    let turn = scene.claim(waiting.id).await.unwrap();
    assert_eq!(
        (turn.status, turn.attempt, turn.owner),
        (TurnStatus::Running, 1, Some(scene.executor))
    );
    assert_eq!((turn.lost_attempts, turn.durable), (0, at(0, 1)));
    assert!(turn.started_at.unwrap() >= turn.created_at);
    assert!(turn.deadline_at.unwrap() > turn.started_at.unwrap());
    assert_eq!(scene.turn(&turn).await, turn);
    assert!(scene.claim(id()).await.is_none());
}

pub(crate) async fn many_claims_at_once_make_one_owner(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let mut executors = Vec::new();
    for _ in 0..20 {
        executors.push(executor(&scene.store).await);
    }
    for _ in 0..5 {
        let turn = scene.queued().await;
        let claims = executors
            .iter()
            .map(|executor| scene.store.claim(*executor, turn.id, RULES));
        let claims = futures::future::join_all(claims).await;
        let won: Vec<_> = claims.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(won.len(), 1);
        assert_eq!(scene.turn(&turn).await, won[0]);
        assert_eq!(won[0].attempt, 1);
        scene.end(&won[0], TurnStatus::Completed).await;
    }
}

pub(crate) async fn turns_of_a_session_are_claimed_in_order(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let (first, second) = (scene.queued().await, scene.queued().await);
    assert!(scene.claim(second.id).await.is_none());
    let first = scene.claim(first.id).await.unwrap();
    assert!(scene.claim(second.id).await.is_none());
    scene.end(&first, TurnStatus::Failed).await;
    assert!(scene.claim(second.id).await.is_some());
    assert!(scene.claim(first.id).await.is_none());
}

pub(crate) async fn a_caller_over_the_cap_waits(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let rules = ClaimRules {
        max_running: 1,
        ..RULES
    };
    let running = scene.running().await;
    let other = session_of(&scene.store, &ann()).await;
    let waiting = accepted(&scene.store, &ann(), other, new_turn()).await;
    let bobs = session_of(&scene.store, &bob()).await;
    let bobs = accepted(&scene.store, &bob(), bobs, new_turn()).await;
    assert!(
        scene
            .store
            .claim(scene.executor, waiting.id, rules)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        scene
            .store
            .claim(scene.executor, bobs.id, rules)
            .await
            .unwrap()
            .is_some()
    );
    scene.end(&running, TurnStatus::Completed).await;
    assert!(
        scene
            .store
            .claim(scene.executor, waiting.id, rules)
            .await
            .unwrap()
            .is_some()
    );
}

pub(crate) async fn an_executor_without_a_good_lease_claims_nothing(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.queued().await;
    let unknown: ExecutorId = id();
    assert!(
        scene
            .store
            .claim(unknown, turn.id, RULES)
            .await
            .unwrap()
            .is_none()
    );
    let expired: ExecutorId = id();
    scene
        .store
        .register(expired, Lease::For(Duration::from_millis(1)))
        .await
        .unwrap();
    moment().await;
    assert!(
        scene
            .store
            .claim(expired, turn.id, RULES)
            .await
            .unwrap()
            .is_none()
    );
    let looked = scene
        .store
        .claim_waiting(expired, 8, AT_ONCE, RULES, &|_| {})
        .await
        .unwrap();
    assert!(looked.is_empty());
    assert_eq!(scene.turn(&turn).await.status, TurnStatus::Queued);
}

pub(crate) async fn a_live_owner_keeps_its_turn(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    let other = executor(&scene.store).await;
    assert!(
        scene
            .store
            .claim(other, turn.id, RULES)
            .await
            .unwrap()
            .is_none()
    );
    assert!(scene.claim(turn.id).await.is_none());
    assert_eq!(scene.turn(&turn).await, turn);
}

pub(crate) async fn a_lost_lease_lets_another_take_over(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let first = scene.running().await;
    scene.lose_lease().await;
    let second = scene.claim(first.id).await.unwrap();
    assert_eq!(
        (second.attempt, second.lost_attempts, second.owner),
        (2, 1, Some(scene.executor))
    );
    assert_eq!(
        (second.started_at, second.deadline_at),
        (first.started_at, first.deadline_at)
    );
}

pub(crate) async fn an_expired_lease_lets_another_take_over(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.queued().await;
    let dying: ExecutorId = id();
    scene
        .store
        .register(dying, Lease::For(Duration::from_millis(300)))
        .await
        .unwrap();
    scene
        .store
        .claim(dying, turn.id, RULES)
        .await
        .unwrap()
        .unwrap();
    assert!(scene.claim(turn.id).await.is_none());
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(scene.claim(turn.id).await.unwrap().lost_attempts, 1);
}

pub(crate) async fn used_up_attempts_are_not_claimed(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let turn = scene.running().await;
    for lost in 1..RULES.max_attempts {
        scene.lose_lease().await;
        assert_eq!(scene.claim(turn.id).await.unwrap().lost_attempts, lost);
    }
    scene.lose_lease().await;
    assert!(scene.claim(turn.id).await.is_none());
    let looked = scene
        .store
        .claim_waiting(scene.executor, 8, AT_ONCE, RULES, &|_| {})
        .await
        .unwrap();
    assert!(looked.is_empty());
}

pub(crate) async fn a_durable_point_forgives_lost_attempts(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let turn = scene.running().await;
    scene.lose_lease().await;
    let turn = scene.claim(turn.id).await.unwrap();
    assert_eq!(turn.lost_attempts, 1);
    scene
        .store
        .commit_reply(fence(&turn), reply(&turn, 1, 1, 5, Vec::new()))
        .await
        .unwrap();
    assert_eq!(scene.turn(&turn).await.lost_attempts, 0);
}

pub(crate) async fn a_hand_back_in_order_is_no_lost_attempt(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    assert_eq!(
        scene.hand_back(&turn, HandBack::InOrder).await,
        Commit::Done
    );
    let back = scene.turn(&turn).await;
    assert_eq!(
        (back.status, back.owner, back.attempt),
        (TurnStatus::Running, None, 1)
    );
    let other = executor(&scene.store).await;
    let again = scene
        .store
        .claim(other, turn.id, RULES)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((again.attempt, again.lost_attempts), (2, 0));
}

pub(crate) async fn a_hand_back_after_a_failure_is_one(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let mut turn = scene.running().await;
    for lost in 1..RULES.max_attempts {
        assert_eq!(scene.hand_back(&turn, HandBack::Lost).await, Commit::Done);
        turn = scene.claim(turn.id).await.unwrap();
        assert_eq!(turn.lost_attempts, lost);
    }
    assert_eq!(scene.hand_back(&turn, HandBack::Lost).await, Commit::Done);
    assert!(scene.claim(turn.id).await.is_none());
}

pub(crate) async fn a_hand_back_may_be_repeated(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    for _ in 0..3 {
        assert_eq!(scene.hand_back(&turn, HandBack::Lost).await, Commit::Done);
    }
    assert_eq!(scene.turn(&turn).await.lost_attempts, 1);
    let again = scene.claim(turn.id).await.unwrap();
    assert_eq!(scene.hand_back(&turn, HandBack::Lost).await, Commit::Fenced);
    scene.end(&again, TurnStatus::Completed).await;
    assert_eq!(
        scene.hand_back(&again, HandBack::InOrder).await,
        Commit::Fenced
    );
}

pub(crate) async fn the_deadline_counts_from_the_first_claim(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let turn = scene.queued().await;
    let rules = ClaimRules {
        timeout: Duration::from_mins(1),
        ..RULES
    };
    let first = scene
        .store
        .claim(scene.executor, turn.id, rules)
        .await
        .unwrap()
        .unwrap();
    let given = first.deadline_at.unwrap() - first.started_at.unwrap();
    assert!(
        (59_000..=61_000).contains(&given.num_milliseconds()),
        "{given}"
    );
    scene.lose_lease().await;
    let second = scene
        .store
        .claim(scene.executor, turn.id, RULES)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(second.deadline_at, first.deadline_at);
}

pub(crate) async fn a_claim_brings_the_cancel_mark(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let turn = scene.running().await;
    scene
        .store
        .request_cancel(&ann(), scene.session, None)
        .await
        .unwrap();
    scene.lose_lease().await;
    assert!(scene.claim(turn.id).await.unwrap().cancel_requested);
}

pub(crate) async fn a_turn_that_was_cancelled_while_it_waited_never_starts(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.queued().await;
    let other = session_of(&scene.store, &ann()).await;
    let ended = accepted(&scene.store, &ann(), other, new_turn()).await;
    assert_eq!(
        scene.store.next_waiting(ended.key()).await.unwrap(),
        Some(ended.key())
    );
    let ended = scene.claim(ended.id).await.unwrap();
    scene.end(&ended, TurnStatus::Completed).await;
    assert_eq!(
        scene.store.next_waiting(ended.key()).await.unwrap(),
        Some(turn.key())
    );

    scene
        .store
        .request_cancel(&ann(), scene.session, None)
        .await
        .unwrap();
    assert!(scene.claim(turn.id).await.is_none());
    let looked = scene
        .store
        .claim_waiting(scene.executor, 8, AT_ONCE, RULES, &|_| {})
        .await
        .unwrap();
    assert!(looked.is_empty());
    assert_eq!(scene.store.next_waiting(ended.key()).await.unwrap(), None);
    assert_eq!(scene.turn(&turn).await.status, TurnStatus::Queued);
}

pub(crate) async fn the_look_finds_the_oldest_first_and_tells_before_it_claims(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let abandoned = scene.running().await;
    scene.queued().await;
    scene.lose_lease().await;
    moment().await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let session = session_of(&scene.store, &bob()).await;
        waiting.push(accepted(&scene.store, &bob(), session, new_turn()).await);
        moment().await;
    }
    let found = Mutex::new(Vec::new());
    let note = |key: TurnKey| found.lock().unwrap().push(key);
    let claimed = scene
        .store
        .claim_waiting(scene.executor, 3, AT_ONCE, RULES, &note)
        .await
        .unwrap();
    let keys: Vec<_> = claimed.iter().map(copilot_core::turn::Turn::key).collect();
    assert_eq!(keys, [abandoned.key(), waiting[0].key(), waiting[1].key()]);
    assert_eq!(*found.lock().unwrap(), keys);
    assert_eq!(
        claimed
            .iter()
            .map(|turn| turn.lost_attempts)
            .collect::<Vec<_>>(),
        [1, 0, 0]
    );
    assert!(
        scene
            .store
            .claim_waiting(scene.executor, 0, AT_ONCE, RULES, &note)
            .await
            .unwrap()
            .is_empty()
    );
    let rest = scene
        .store
        .claim_waiting(scene.executor, 8, AT_ONCE, RULES, &note)
        .await
        .unwrap();
    assert_eq!(
        rest.iter().map(|turn| turn.id).collect::<Vec<_>>(),
        [waiting[2].id]
    );
}

pub(crate) async fn the_look_tells_also_of_a_turn_that_it_then_cannot_claim(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let rules = ClaimRules {
        max_running: 1,
        ..RULES
    };
    let first = scene.queued().await;
    moment().await;
    let other = session_of(&scene.store, &ann()).await;
    let second = accepted(&scene.store, &ann(), other, new_turn()).await;
    let found = Mutex::new(Vec::new());
    let note = |key: TurnKey| found.lock().unwrap().push(key);
    let claimed = scene
        .store
        .claim_waiting(scene.executor, 8, AT_ONCE, rules, &note)
        .await
        .unwrap();
    assert_eq!(
        claimed.iter().map(|turn| turn.id).collect::<Vec<_>>(),
        [first.id]
    );
    assert_eq!(*found.lock().unwrap(), [first.key(), second.key()]);
}

pub(crate) async fn the_look_leaves_fresh_turns_to_their_hints(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let abandoned = scene.running().await;
    scene.lose_lease().await;
    let session = session_of(&scene.store, &ann()).await;
    accepted(&scene.store, &ann(), session, new_turn()).await;
    let grace = Duration::from_mins(1);
    let claimed = scene
        .store
        .claim_waiting(scene.executor, 8, grace, RULES, &|_| {})
        .await
        .unwrap();
    assert_eq!(
        claimed.iter().map(|turn| turn.id).collect::<Vec<_>>(),
        [abandoned.id]
    );
}

pub(crate) async fn two_looks_at_once_share_the_turns(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let rules = ClaimRules {
        max_running: 100,
        ..RULES
    };
    let mut turns = HashSet::new();
    for _ in 0..12 {
        let session = session_of(&scene.store, &ann()).await;
        turns.insert(accepted(&scene.store, &ann(), session, new_turn()).await.id);
    }
    let mut executors = Vec::new();
    for _ in 0..4 {
        executors.push(executor(&scene.store).await);
    }
    let looks = executors.iter().map(|executor| async {
        let mut mine = Vec::new();
        for _ in 0..4 {
            mine.extend(
                scene
                    .store
                    .claim_waiting(*executor, 3, AT_ONCE, rules, &|_| {})
                    .await
                    .unwrap(),
            );
        }
        mine
    });
    let claimed: Vec<_> = futures::future::join_all(looks)
        .await
        .into_iter()
        .flatten()
        .collect();
    assert!(claimed.iter().all(|turn| turn.attempt == 1));
    assert_eq!(claimed.len(), turns.len());
    assert_eq!(
        claimed
            .iter()
            .map(|turn| turn.id)
            .collect::<HashSet<TurnId>>(),
        turns
    );
}

pub(crate) async fn a_heartbeat_tells_what_is_mine(subject: &Subject) {
    let scene = Scene::of(subject).await;
    assert_eq!(
        scene.store.heartbeat(scene.executor, LEASE).await.unwrap(),
        Some(Vec::new())
    );
    let turn = scene.running().await;
    scene.queued().await;
    let mine = OwnedTurn {
        key: turn.key(),
        attempt: 1,
        cancel_requested: false,
    };
    assert_eq!(
        scene.store.heartbeat(scene.executor, LEASE).await.unwrap(),
        Some(vec![mine])
    );
    scene
        .store
        .request_cancel(&ann(), scene.session, Some(turn.id))
        .await
        .unwrap();
    let marked = OwnedTurn {
        cancel_requested: true,
        ..mine
    };
    assert_eq!(
        scene.store.heartbeat(scene.executor, LEASE).await.unwrap(),
        Some(vec![marked])
    );
    let other = executor(&scene.store).await;
    assert_eq!(
        scene.store.heartbeat(other, LEASE).await.unwrap(),
        Some(Vec::new())
    );
    scene.end(&turn, TurnStatus::Cancelled).await;
    assert_eq!(
        scene.store.heartbeat(scene.executor, LEASE).await.unwrap(),
        Some(Vec::new())
    );
}

pub(crate) async fn a_lost_lease_has_no_heartbeat(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let unknown: ExecutorId = id();
    assert_eq!(scene.store.heartbeat(unknown, LEASE).await.unwrap(), None);
    assert_eq!(
        scene
            .store
            .heartbeat(unknown, Lease::Process)
            .await
            .unwrap(),
        None
    );
    let expired: ExecutorId = id();
    scene
        .store
        .register(expired, Lease::For(Duration::from_millis(1)))
        .await
        .unwrap();
    moment().await;
    assert_eq!(scene.store.heartbeat(expired, LEASE).await.unwrap(), None);
    scene.store.unregister(scene.executor).await.unwrap();
    assert_eq!(
        scene.store.heartbeat(scene.executor, LEASE).await.unwrap(),
        None
    );

    let renewed: ExecutorId = id();
    let short = Lease::For(Duration::from_millis(400));
    scene.store.register(renewed, short).await.unwrap();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert!(
            scene
                .store
                .heartbeat(renewed, short)
                .await
                .unwrap()
                .is_some()
        );
    }
}

pub(crate) async fn a_lease_for_the_process_voids_all_others(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    let new: ExecutorId = id();
    scene.store.register(new, Lease::Process).await.unwrap();
    assert_eq!(
        scene.store.heartbeat(scene.executor, LEASE).await.unwrap(),
        None
    );
    assert_eq!(
        scene.store.heartbeat(new, Lease::Process).await.unwrap(),
        Some(Vec::new())
    );
    let taken = scene
        .store
        .claim(new, turn.id, RULES)
        .await
        .unwrap()
        .unwrap();
    let mine = OwnedTurn {
        key: turn.key(),
        attempt: taken.attempt,
        cancel_requested: false,
    };
    assert_eq!(
        scene.store.heartbeat(new, Lease::Process).await.unwrap(),
        Some(vec![mine])
    );
}

pub(crate) async fn the_next_waiting_turn_is_the_sessions_own_first(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let elsewhere = session_of(&scene.store, &ann()).await;
    let older = accepted(&scene.store, &ann(), elsewhere, new_turn()).await;
    moment().await;
    let ended = scene.running().await;
    let own = scene.queued().await;
    scene.queued().await;
    let bobs = session_of(&scene.store, &bob()).await;
    accepted(&scene.store, &bob(), bobs, new_turn()).await;
    scene.end(&ended, TurnStatus::Completed).await;

    assert_eq!(
        scene.store.next_waiting(ended.key()).await.unwrap(),
        Some(own.key())
    );
    let own = scene.claim(own.id).await.unwrap();
    // The session's next one must wait for `own`.
    assert_eq!(
        scene.store.next_waiting(ended.key()).await.unwrap(),
        Some(older.key())
    );
    scene
        .store
        .claim(scene.executor, older.id, RULES)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(scene.store.next_waiting(ended.key()).await.unwrap(), None);
    assert_eq!(scene.store.next_waiting(own.key()).await.unwrap(), None);
}
