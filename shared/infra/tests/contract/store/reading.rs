//! What readers see of sessions and turns.

use super::{
    backend::Subject,
    scene::{Scene, ann, bob, call, end, ends_of, fence, reply, session_of},
};
use crate::world::id;
use copilot_core::{
    message::{MessageStatus, sequence},
    port::store::{Page, RaiseIf},
    session::{ActiveMessages, MessagePage, SessionSnapshot},
    turn::{TurnKey, TurnStatus},
};

const PAGE: Page = Page {
    limit: 50,
    offset: 0,
};

async fn snapshot(scene: &Scene, page: MessagePage) -> SessionSnapshot {
    scene
        .store
        .snapshot(&ann(), scene.session, page)
        .await
        .unwrap()
        .expect("the session is there")
}

fn sequences(snapshot: &SessionSnapshot) -> Vec<i64> {
    snapshot
        .messages
        .iter()
        .map(|message| message.sequence)
        .collect()
}

pub(crate) async fn what_a_running_turn_has_made_is_hidden(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    scene
        .store
        .commit_reply(fence(&turn), reply(&turn, 1, 1, 7, vec![call(1, 0)]))
        .await
        .unwrap();

    assert_eq!(
        sequences(&snapshot(&scene, MessagePage::default()).await),
        [sequence(1, 0)]
    );
    let shown = MessagePage {
        active: ActiveMessages::Shown,
        ..MessagePage::default()
    };
    assert_eq!(
        sequences(&snapshot(&scene, shown).await),
        [sequence(1, 0), sequence(1, 1)]
    );
    scene.end(&turn, TurnStatus::Completed).await;
    let all = [sequence(1, 0), sequence(1, 1), sequence(1, 1_000)];
    assert_eq!(
        sequences(&snapshot(&scene, MessagePage::default()).await),
        all
    );
}

pub(crate) async fn waiting_and_dequeued_messages_say_so(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let running = scene.running().await;
    let dequeued = scene.queued().await;
    scene.queued().await;
    scene
        .store
        .request_cancel(&ann(), scene.session, Some(dequeued.id))
        .await
        .unwrap();
    let raised = scene
        .store
        .raise(dequeued.id, RaiseIf::CancelledAndUnheld)
        .await
        .unwrap()
        .unwrap();
    let mut last = end(&raised.turn, TurnStatus::Cancelled);
    last.messages.clear();
    scene
        .store
        .commit_end(fence(&raised.turn), last)
        .await
        .unwrap();

    let statuses = |snapshot: SessionSnapshot| -> Vec<_> {
        snapshot
            .messages
            .into_iter()
            .map(|message| message.metadata.status)
            .collect()
    };
    let now = statuses(snapshot(&scene, MessagePage::default()).await);
    assert_eq!(
        now,
        [
            None,
            Some(MessageStatus::Cancelled),
            Some(MessageStatus::Queued)
        ]
    );
    // A turn that ran and was cancelled keeps its message as it is.
    scene.end(&running, TurnStatus::Cancelled).await;
    let now = statuses(snapshot(&scene, MessagePage::default()).await);
    assert_eq!(
        now,
        [
            None,
            None,
            Some(MessageStatus::Cancelled),
            Some(MessageStatus::Queued)
        ]
    );
}

pub(crate) async fn pages_count_only_what_is_shown(subject: &Subject) {
    let scene = Scene::of(subject).await;
    for _ in 0..2 {
        let turn = scene.running().await;
        scene.end(&turn, TurnStatus::Completed).await;
    }
    let turn = scene.running().await;
    scene
        .store
        .commit_reply(fence(&turn), reply(&turn, 1, 1, 7, Vec::new()))
        .await
        .unwrap();

    let page = |limit, before_sequence| MessagePage {
        limit: Some(limit),
        before_sequence,
        active: ActiveMessages::Hidden,
    };
    let newest = snapshot(&scene, page(2, None)).await;
    assert_eq!(sequences(&newest), [sequence(2, 1_000), sequence(3, 0)]);
    assert!(newest.has_more);
    let older = snapshot(&scene, page(2, Some(sequence(2, 1_000)))).await;
    assert_eq!(sequences(&older), [sequence(1, 1_000), sequence(2, 0)]);
    assert!(older.has_more);
    let oldest = snapshot(&scene, page(2, Some(sequence(1, 1_000)))).await;
    assert_eq!(sequences(&oldest), [sequence(1, 0)]);
    assert!(!oldest.has_more);
    let exact = snapshot(&scene, page(5, None)).await;
    assert_eq!((exact.messages.len(), exact.has_more), (5, false));
    let all = snapshot(&scene, MessagePage::default()).await;
    assert_eq!((all.messages.len(), all.has_more), (5, false));
}

pub(crate) async fn the_active_stream_is_the_oldest_unfinished_turn(subject: &Subject) {
    let scene = Scene::of(subject).await;
    assert_eq!(
        snapshot(&scene, MessagePage::default()).await.active_stream,
        None
    );
    assert_eq!(
        scene
            .store
            .active_turn(&ann(), scene.session)
            .await
            .unwrap(),
        Some(None)
    );
    let first = scene.queued().await;
    let second = scene.queued().await;
    let active = snapshot(&scene, MessagePage::default())
        .await
        .active_stream
        .unwrap();
    assert_eq!((active.turn_id, active.started_at), (first.id, None));

    let first = scene.claim(first.id).await.unwrap();
    let read = snapshot(&scene, MessagePage::default()).await;
    let active = read.active_stream.unwrap();
    assert_eq!(
        (active.turn_id, active.started_at),
        (first.id, first.started_at)
    );
    assert_eq!(
        active.last_message_id,
        read.messages.last().map(|message| message.id)
    );
    assert_eq!(
        scene
            .store
            .active_turn(&ann(), scene.session)
            .await
            .unwrap(),
        Some(Some(first.clone()))
    );
    scene.end(&first, TurnStatus::Completed).await;
    let active = scene
        .store
        .active_turn(&ann(), scene.session)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(active.map(|turn| turn.id), Some(second.id));
}

pub(crate) async fn turns_are_listed_newest_first(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(scene.queued().await.id);
    }
    ids.reverse();
    let all = scene
        .store
        .list_turns(&ann(), scene.session, PAGE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        all.items.iter().map(|turn| turn.id).collect::<Vec<_>>(),
        ids
    );
    let page = Page {
        limit: 2,
        offset: 1,
    };
    let some = scene
        .store
        .list_turns(&ann(), scene.session, page)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        some.items.iter().map(|turn| turn.id).collect::<Vec<_>>(),
        ids[1..3]
    );
    assert_eq!(some.total, 4);
}

pub(crate) async fn a_turn_is_found_by_its_owner_alone(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.queued().await;
    let other = session_of(&scene.store, &ann()).await;
    assert_eq!(
        scene.store.find_turn(&ann(), turn.key()).await.unwrap(),
        Some(turn.clone())
    );
    assert_eq!(
        scene.store.find_turn(&bob(), turn.key()).await.unwrap(),
        None
    );
    let elsewhere = TurnKey {
        session_id: other,
        ..turn.key()
    };
    assert_eq!(
        scene.store.find_turn(&ann(), elsewhere).await.unwrap(),
        None
    );
    let unknown = TurnKey {
        turn_id: id(),
        ..turn.key()
    };
    assert_eq!(scene.store.find_turn(&ann(), unknown).await.unwrap(), None);
}

pub(crate) async fn what_is_recorded_is_opening_and_parts(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let turn = scene.queued().await;
    let recorded = scene.store.recorded(turn.key()).await.unwrap().unwrap();
    assert_eq!(
        (recorded.turn, recorded.parts),
        (turn.clone(), turn.opening())
    );
    let turn = scene.claim(turn.id).await.unwrap();
    scene
        .store
        .commit_reply(fence(&turn), reply(&turn, 1, 1, 12, Vec::new()))
        .await
        .unwrap();
    scene
        .store
        .commit_reply(fence(&turn), reply(&turn, 2, 2, 90, Vec::new()))
        .await
        .unwrap();
    scene.lose_lease().await;
    let turn = scene.claim(turn.id).await.unwrap();
    scene
        .store
        .commit_reply(fence(&turn), reply(&turn, 3, 3, 5, Vec::new()))
        .await
        .unwrap();
    scene.end(&turn, TurnStatus::Completed).await;
    let recorded = scene.store.recorded(turn.key()).await.unwrap().unwrap();
    assert_eq!(
        ends_of(&recorded.parts),
        [(0, 1), (1, 12), (1, 90), (2, 5), (2, 1_000)]
    );
    assert_eq!(
        recorded.turn.durable,
        recorded.parts.last().unwrap().position
    );
    let wrong = TurnKey {
        session_id: id(),
        ..turn.key()
    };
    assert!(scene.store.recorded(wrong).await.unwrap().is_none());
}
