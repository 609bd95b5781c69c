//! Deletion wins over everything.

use super::{
    backend::Subject,
    scene::{RULES, Scene, accepted, ann, call, end, fence, new_turn, reply, result, session_of},
};
use copilot_core::{
    id::UserId,
    port::store::{Acceptance, CancelRequest, Commit, Files, HandBack, Page, RaiseIf},
    session::MessagePage,
    turn::{FinishReason, TurnStatus},
};
use std::time::Duration;

const PAGE: Page = Page {
    limit: 50,
    offset: 0,
};

pub(crate) async fn a_deleted_session_is_gone_for_everybody(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    scene
        .store
        .delete_session(&ann(), scene.session, Files::Delete)
        .await
        .unwrap()
        .unwrap();

    let store = &scene.store;
    assert_eq!(
        store.find_session(&ann(), scene.session).await.unwrap(),
        None
    );
    assert!(
        store
            .snapshot(&ann(), scene.session, MessagePage::default())
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        store
            .list_sessions(&UserId::new("ann"), PAGE)
            .await
            .unwrap()
            .total,
        0
    );
    assert_eq!(store.find_turn(&ann(), turn.key()).await.unwrap(), None);
    assert!(
        store
            .list_turns(&ann(), scene.session, PAGE)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .active_turn(&ann(), scene.session)
            .await
            .unwrap()
            .is_none()
    );
    assert!(store.recorded(turn.key()).await.unwrap().is_none());
    assert!(store.states(&[turn.id]).await.unwrap().is_empty());
    let answer = store
        .accept(&ann(), scene.session, new_turn())
        .await
        .unwrap();
    assert!(matches!(answer, Acceptance::NoSession));
    let answer = store
        .request_cancel(&ann(), scene.session, Some(turn.id))
        .await
        .unwrap();
    assert!(matches!(answer, CancelRequest::NotFound));
    assert_eq!(
        store
            .rename_session(&ann(), scene.session, "again")
            .await
            .unwrap(),
        None
    );
    assert!(
        store
            .delete_session(&ann(), scene.session, Files::Keep)
            .await
            .unwrap()
            .is_none()
    );
    assert!(store.unfinished_streams(10).await.unwrap().is_empty());
}

pub(crate) async fn deletion_cancels_and_raises_all_unfinished_turns(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let ended = scene.running().await;
    scene.end(&ended, TurnStatus::Completed).await;
    let running = scene.running().await;
    let waiting = scene.queued().await;
    let elsewhere = session_of(&scene.store, &ann()).await;
    let other = accepted(&scene.store, &ann(), elsewhere, new_turn()).await;

    let turns = scene
        .store
        .delete_session(&ann(), scene.session, Files::Delete)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        turns.iter().map(|turn| turn.id).collect::<Vec<_>>(),
        [running.id, waiting.id]
    );
    assert_eq!(
        turns.iter().map(|turn| turn.attempt).collect::<Vec<_>>(),
        [2, 1]
    );
    for turn in &turns {
        assert_eq!((turn.status, turn.owner), (TurnStatus::Cancelled, None));
        assert_eq!(turn.finish_reason, Some(FinishReason::Interrupted));
        assert!(turn.finished_at.is_some());
    }
    assert!(scene.claim(other.id).await.is_some());
}

pub(crate) async fn a_late_commit_after_deletion_is_fenced(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    let one = call(1, 0);
    scene
        .store
        .commit_reply(fence(&turn), reply(&turn, 1, 1, 7, vec![one.clone()]))
        .await
        .unwrap();
    let after = scene
        .store
        .delete_session(&ann(), scene.session, Files::Delete)
        .await
        .unwrap()
        .unwrap();
    let before = [
        subject.rows("messages").await,
        subject.rows("turn_parts").await,
    ];

    for turn in [&turn, &after[0]] {
        let store = &scene.store;
        let late = reply(turn, 2, 2, 9, Vec::new());
        assert_eq!(
            store.commit_reply(fence(turn), late).await.unwrap(),
            Commit::Fenced
        );
        let late = result(turn, &one, 9, Vec::new());
        assert_eq!(
            store.commit_result(fence(turn), late).await.unwrap(),
            Commit::Fenced
        );
        let late = end(turn, TurnStatus::Completed);
        assert_eq!(
            store.commit_end(fence(turn), late).await.unwrap(),
            Commit::Fenced
        );
        assert_eq!(
            store
                .hand_back(fence(turn), HandBack::InOrder)
                .await
                .unwrap(),
            Commit::Fenced
        );
        assert!(store.groundwork(turn).await.unwrap().is_none());
    }
    assert!(scene.claim(turn.id).await.is_none());
    assert!(
        scene
            .store
            .raise(turn.id, RaiseIf::Cancelled)
            .await
            .unwrap()
            .is_none()
    );
    let looked = scene
        .store
        .claim_waiting(scene.executor, 9, Duration::ZERO, RULES, &|_| {})
        .await
        .unwrap();
    assert!(looked.is_empty());
    assert_eq!(
        [
            subject.rows("messages").await,
            subject.rows("turn_parts").await
        ],
        before
    );
}

pub(crate) async fn a_purge_removes_every_row(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    scene
        .store
        .commit_reply(fence(&turn), reply(&turn, 1, 1, 7, vec![call(1, 0)]))
        .await
        .unwrap();
    scene.queued().await;
    scene
        .store
        .delete_session(&ann(), scene.session, Files::Keep)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        scene.store.purge(Duration::ZERO, 10).await.unwrap(),
        [scene.session]
    );
    for table in ["sessions", "turns", "messages", "turn_parts", "tool_calls"] {
        assert_eq!(subject.rows(table).await, 0, "{table}");
    }
    assert!(
        scene
            .store
            .purge(Duration::ZERO, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        scene.end(&turn, TurnStatus::Completed).await,
        Commit::Fenced
    );
    assert_eq!(scene.store.next_waiting(turn.key()).await.unwrap(), None);
}

pub(crate) async fn a_purge_leaves_what_is_young_or_alive(subject: &Subject) {
    let scene = Scene::of(subject).await;
    scene.queued().await;
    let deleted = session_of(&scene.store, &ann()).await;
    accepted(&scene.store, &ann(), deleted, new_turn()).await;
    scene
        .store
        .delete_session(&ann(), deleted, Files::Delete)
        .await
        .unwrap()
        .unwrap();
    assert!(
        scene
            .store
            .purge(Duration::from_mins(1), 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(subject.rows("turns").await, 2);
    assert_eq!(
        scene.store.purge(Duration::ZERO, 10).await.unwrap(),
        [deleted]
    );
    assert_eq!(
        (subject.rows("turns").await, subject.rows("messages").await),
        (1, 1)
    );
}

pub(crate) async fn a_purge_is_bounded(subject: &Subject) {
    let store = subject.port();
    for _ in 0..3 {
        let session = session_of(&store, &ann()).await;
        store
            .delete_session(&ann(), session, Files::Delete)
            .await
            .unwrap()
            .unwrap();
    }
    assert_eq!(store.purge(Duration::ZERO, 2).await.unwrap().len(), 2);
    assert_eq!(subject.rows("sessions").await, 1);
    assert_eq!(store.purge(Duration::ZERO, 2).await.unwrap().len(), 1);
}

pub(crate) async fn an_untouched_session_expires_when_it_is_idle(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let store = &scene.store;
    let turn = scene.running().await;
    assert!(
        store.expire(Duration::ZERO, 10).await.unwrap().is_empty(),
        "a running turn keeps its session"
    );
    scene.end(&turn, TurnStatus::Completed).await;
    let hour = Duration::from_hours(1);
    assert!(
        store.expire(hour, 10).await.unwrap().is_empty(),
        "it was touched within the hour"
    );

    assert_eq!(
        store.expire(Duration::ZERO, 10).await.unwrap(),
        [scene.session]
    );
    assert_eq!(
        store.find_session(&ann(), scene.session).await.unwrap(),
        None
    );
    assert!(store.expire(Duration::ZERO, 10).await.unwrap().is_empty());
    assert_eq!(
        store.purge(Duration::ZERO, 10).await.unwrap(),
        [scene.session]
    );
    for table in ["sessions", "turns", "messages", "turn_parts"] {
        assert_eq!(subject.rows(table).await, 0, "{table}");
    }
}

pub(crate) async fn expiry_is_bounded_and_takes_the_oldest(subject: &Subject) {
    let scene = Scene::of(subject).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let younger = session_of(&scene.store, &ann()).await;
    let expire = async || scene.store.expire(Duration::ZERO, 1).await.unwrap();
    assert_eq!(expire().await, [scene.session]);
    assert_eq!(expire().await, [younger]);
    assert!(expire().await.is_empty());
}
