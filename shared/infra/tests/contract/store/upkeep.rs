//! Ending what nobody else ends.

use super::{
    backend::Subject,
    scene::{
        RULES, Scene, accepted, ann, at, call, end, ends_of, executor, fence, moment, new_turn,
        reply, session_of,
    },
};
use crate::world::id;
use copilot_core::{
    port::store::{ClaimRules, CloseCause, Commit, HandBack, RaiseIf, TurnState},
    turn::{TurnKey, TurnStatus},
};
use std::time::Duration;

const EXHAUSTED: RaiseIf = RaiseIf::AttemptsExhausted {
    max_attempts: RULES.max_attempts,
};
const HOUR: Duration = Duration::from_hours(1);

async fn closable(scene: &Scene) -> Vec<(TurnKey, CloseCause)> {
    scene
        .store
        .closable(RULES.max_attempts, HOUR, Duration::ZERO, 100)
        .await
        .unwrap()
}

async fn unfinished_streams(scene: &Scene) -> Vec<TurnKey> {
    scene.store.unfinished_streams(100).await.unwrap()
}

pub(crate) async fn an_ended_turn_has_an_unfinished_stream_until_told_otherwise(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let told = scene.running().await;
    scene.end(&told, TurnStatus::Completed).await;
    scene
        .store
        .streams_finished(&[told.id, id()])
        .await
        .unwrap();
    scene.store.streams_finished(&[]).await.unwrap();
    assert_eq!(scene.turn(&told).await.owner, None);
    let untold = scene.running().await;
    scene.end(&untold, TurnStatus::Completed).await;
    let running = scene.running().await;
    // A turn that runs keeps its owner.
    scene.store.streams_finished(&[running.id]).await.unwrap();
    assert_eq!(scene.turn(&running).await.owner, Some(scene.executor));

    // Its executor lives and will finish the stream itself.
    assert!(unfinished_streams(&scene).await.is_empty());
    scene.lose_lease().await;
    assert_eq!(unfinished_streams(&scene).await, [untold.key()]);
    scene.store.streams_finished(&[untold.id]).await.unwrap();
    assert!(unfinished_streams(&scene).await.is_empty());
}

pub(crate) async fn a_forced_end_has_an_unfinished_stream_too(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.queued().await;
    scene
        .store
        .request_cancel(&ann(), scene.session, None)
        .await
        .unwrap();
    let raised = scene
        .store
        .raise(turn.id, RaiseIf::CancelledAndUnheld)
        .await
        .unwrap()
        .unwrap();
    scene.end(&raised.turn, TurnStatus::Cancelled).await;
    assert_eq!(unfinished_streams(&scene).await, [turn.key()]);
    scene.store.streams_finished(&[turn.id]).await.unwrap();
    assert!(unfinished_streams(&scene).await.is_empty());
}

pub(crate) async fn a_raised_turn_brings_all_that_its_end_needs(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let turn = scene.running().await;
    let calls = vec![call(1, 0), call(1, 1)];
    scene
        .store
        .commit_reply(fence(&turn), reply(&turn, 1, 1, 7, calls.clone()))
        .await
        .unwrap();
    scene
        .store
        .request_cancel(&ann(), scene.session, None)
        .await
        .unwrap();
    scene.lose_lease().await;

    let raised = scene
        .store
        .raise(turn.id, RaiseIf::CancelledAndUnheld)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((raised.turn.attempt, raised.turn.owner), (2, None));
    assert_eq!(
        (raised.turn.status, raised.turn.durable),
        (TurnStatus::Running, at(1, 7))
    );
    assert_eq!((raised.next_place, &raised.unfinished), (2, &calls));
    assert_eq!(ends_of(&raised.parts), [(0, 1), (1, 7)]);
    assert_eq!(scene.turn(&turn).await, raised.turn);
    assert_eq!(
        scene.end(&raised.turn, TurnStatus::Cancelled).await,
        Commit::Done
    );
    assert!(
        scene
            .store
            .raise(turn.id, RaiseIf::CancelledAndUnheld)
            .await
            .unwrap()
            .is_none()
    );
}

pub(crate) async fn a_waiting_turn_can_be_ended_by_force(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.queued().await;
    for when in [RaiseIf::CancelledAndUnheld, RaiseIf::Cancelled] {
        assert!(
            scene.store.raise(turn.id, when).await.unwrap().is_none(),
            "not marked"
        );
    }
    scene
        .store
        .request_cancel(&ann(), scene.session, Some(turn.id))
        .await
        .unwrap();
    let raised = scene
        .store
        .raise(turn.id, RaiseIf::CancelledAndUnheld)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (raised.turn.status, raised.turn.attempt),
        (TurnStatus::Queued, 1)
    );
    assert_eq!((raised.next_place, raised.unfinished.len()), (1, 0));
    let mut last = end(&raised.turn, TurnStatus::Cancelled);
    last.messages.clear();
    assert_eq!(
        scene
            .store
            .commit_end(fence(&raised.turn), last)
            .await
            .unwrap(),
        Commit::Done
    );
    let ended = scene.turn(&turn).await;
    assert_eq!(
        (ended.status, ended.started_at),
        (TurnStatus::Cancelled, None)
    );
    assert!(scene.claim(turn.id).await.is_none());
    assert!(scene.running().await.number > turn.number);
}

pub(crate) async fn a_held_turn_is_raised_only_by_force(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    assert!(
        scene
            .store
            .raise(turn.id, RaiseIf::Cancelled)
            .await
            .unwrap()
            .is_none()
    );
    scene
        .store
        .request_cancel(&ann(), scene.session, None)
        .await
        .unwrap();
    assert!(
        scene
            .store
            .raise(turn.id, RaiseIf::CancelledAndUnheld)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        scene
            .store
            .raise(turn.id, EXHAUSTED)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        scene
            .store
            .raise(
                turn.id,
                RaiseIf::Overdue {
                    grace: Duration::ZERO
                }
            )
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(scene.turn(&turn).await.attempt, 1);
    assert!(
        scene
            .store
            .raise(turn.id, RaiseIf::Cancelled)
            .await
            .unwrap()
            .is_some()
    );
}

pub(crate) async fn used_up_attempts_can_be_closed(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let turn = scene.running().await;
    for _ in 1..RULES.max_attempts {
        scene.lose_lease().await;
        assert!(closable(&scene).await.is_empty());
        assert!(
            scene
                .store
                .raise(turn.id, EXHAUSTED)
                .await
                .unwrap()
                .is_none()
        );
        scene.claim(turn.id).await.unwrap();
    }
    assert!(closable(&scene).await.is_empty());
    scene.lose_lease().await;
    assert_eq!(
        closable(&scene).await,
        [(turn.key(), CloseCause::AttemptsExhausted)]
    );
    let raised = scene
        .store
        .raise(turn.id, EXHAUSTED)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        scene.end(&raised.turn, TurnStatus::Failed).await,
        Commit::Done
    );
    assert!(closable(&scene).await.is_empty());
}

pub(crate) async fn a_raise_that_nobody_finished_is_found_again(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let mut turn = scene.running().await;
    for _ in 1..RULES.max_attempts {
        scene.hand_back(&turn, HandBack::Lost).await;
        turn = scene.claim(turn.id).await.unwrap();
    }
    scene.store.unregister(scene.executor).await.unwrap();
    scene
        .store
        .raise(turn.id, EXHAUSTED)
        .await
        .unwrap()
        .unwrap();
    let other = executor(&scene.store).await;
    assert!(
        scene
            .store
            .claim(other, turn.id, RULES)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        closable(&scene).await,
        [(turn.key(), CloseCause::AttemptsExhausted)]
    );
    let raised = scene
        .store
        .raise(turn.id, EXHAUSTED)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(raised.turn.attempt, turn.attempt + 2);
    assert_eq!(
        scene.end(&raised.turn, TurnStatus::Failed).await,
        Commit::Done
    );
}

pub(crate) async fn an_overdue_turn_can_be_closed(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.queued().await;
    let rules = ClaimRules {
        timeout: Duration::from_millis(1),
        ..RULES
    };
    scene
        .store
        .claim(scene.executor, turn.id, rules)
        .await
        .unwrap()
        .unwrap();
    moment().await;
    assert_eq!(closable(&scene).await, [(turn.key(), CloseCause::Overdue)]);
    let patient = scene
        .store
        .closable(RULES.max_attempts, HOUR, HOUR, 100)
        .await
        .unwrap();
    assert!(patient.is_empty());
    assert!(
        scene
            .store
            .raise(turn.id, RaiseIf::Overdue { grace: HOUR })
            .await
            .unwrap()
            .is_none()
    );
    let raised = scene
        .store
        .raise(
            turn.id,
            RaiseIf::Overdue {
                grace: Duration::ZERO,
            },
        )
        .await
        .unwrap();
    assert_eq!(raised.unwrap().turn.attempt, 2);
}

pub(crate) async fn a_cancel_is_closable_at_once_only_if_unheld(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let held = scene.running().await;
    moment().await;
    let waiting = scene.queued().await;
    assert!(closable(&scene).await.is_empty());
    scene
        .store
        .request_cancel(&ann(), scene.session, None)
        .await
        .unwrap();
    assert_eq!(
        closable(&scene).await,
        [(waiting.key(), CloseCause::Cancelled)]
    );
    moment().await;
    let impatient = scene
        .store
        .closable(RULES.max_attempts, Duration::ZERO, HOUR, 1)
        .await
        .unwrap();
    assert_eq!(impatient, [(held.key(), CloseCause::Cancelled)]);
    scene.lose_lease().await;
    let both = [
        (held.key(), CloseCause::Cancelled),
        (waiting.key(), CloseCause::Cancelled),
    ];
    assert_eq!(closable(&scene).await, both);
}

pub(crate) async fn states_tell_where_turns_stand(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let turn = scene.running().await;
    let waiting = scene.queued().await;
    let other = session_of(&scene.store, &ann()).await;
    let ended = accepted(&scene.store, &ann(), other, new_turn()).await;
    let ended = scene.claim(ended.id).await.unwrap();
    scene.end(&ended, TurnStatus::Completed).await;

    let state = |turn_id, status, attempt, held| TurnState {
        turn_id,
        status,
        attempt,
        held,
    };
    let ids = [turn.id, waiting.id, ended.id, id()];
    let mut states = scene.store.states(&ids).await.unwrap();
    states.sort_by_key(|state| ids.iter().position(|id| *id == state.turn_id));
    let expected = [
        state(turn.id, TurnStatus::Running, 1, true),
        state(waiting.id, TurnStatus::Queued, 0, false),
        state(ended.id, TurnStatus::Completed, 1, false),
    ];
    assert_eq!(states, expected);
    scene.lose_lease().await;
    let states = scene.store.states(&[turn.id]).await.unwrap();
    assert_eq!(states, [state(turn.id, TurnStatus::Running, 1, false)]);
    assert!(scene.store.states(&[]).await.unwrap().is_empty());
}
