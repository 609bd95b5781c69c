//! Durable points, the end, and the fence before them.

use super::{
    backend::Subject,
    scene::{
        RULES, Scene, ann, at, call, end, ends_of, fence, new_turn, reply, result, session_of,
        stored_parts,
    },
};
use crate::world::{entry, id};
use copilot_core::{
    message::{NewMessage, Role, sequence},
    port::{
        ErrorKind,
        store::{Commit, Groundwork, HandBack, RaiseIf, ReplyCommit},
    },
    session::{ActiveMessages, MessagePage},
    turn::{ErrorCode, FinishReason, Turn, TurnError, TurnStatus},
};

/// What the turn would start from now, if it were claimed with this attempt.
async fn groundwork(scene: &Scene, turn: &Turn) -> Groundwork {
    let claimed = Turn {
        attempt: turn.attempt,
        ..scene.turn(turn).await
    };
    scene
        .store
        .groundwork(&claimed)
        .await
        .unwrap()
        .expect("the claim is mine")
}

/// All places of the session's messages, hidden ones too.
async fn places(scene: &Scene, turn: &Turn) -> Vec<i64> {
    let page = MessagePage {
        active: ActiveMessages::Shown,
        ..MessagePage::default()
    };
    let snapshot = scene
        .store
        .snapshot(&ann(), scene.session, page)
        .await
        .unwrap()
        .unwrap();
    snapshot
        .messages
        .iter()
        .map(|message| message.sequence - sequence(turn.number, 0))
        .collect()
}

pub(crate) async fn a_reply_is_a_durable_point(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    let calls = vec![call(1, 0), call(1, 1)];
    let commit = reply(&turn, 1, 1, 7, calls.clone());
    assert_eq!(
        scene
            .store
            .commit_reply(fence(&turn), commit.clone())
            .await
            .unwrap(),
        Commit::Done
    );

    let now = scene.turn(&turn).await;
    assert_eq!(
        (now.steps, now.durable, now.usage),
        (1, at(1, 7), commit.usage)
    );
    assert_eq!(now.status, TurnStatus::Running);
    assert_eq!(
        stored_parts(&scene.store, turn.key()).await,
        [(0, 1), (1, 7)]
    );
    let ground = groundwork(&scene, &turn).await;
    assert_eq!(ground.unfinished, calls);
    assert_eq!(ground.next_place, 2);
    let stored = &ground.history[1];
    assert_eq!(
        (stored.id, &stored.tool_calls),
        (commit.message.id, &commit.message.tool_calls)
    );
}

pub(crate) async fn a_result_is_a_durable_point(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    let calls = vec![call(1, 0), call(1, 1)];
    scene
        .store
        .commit_reply(fence(&turn), reply(&turn, 1, 1, 7, calls.clone()))
        .await
        .unwrap();
    // In any order.
    let second = result(&turn, &calls[1], 8, Vec::new());
    assert_eq!(
        scene
            .store
            .commit_result(fence(&turn), second.clone())
            .await
            .unwrap(),
        Commit::Done
    );

    assert_eq!(scene.turn(&turn).await.durable, at(1, 8));
    let unfinished = groundwork(&scene, &turn).await.unfinished;
    assert_eq!(unfinished.len(), 2, "all calls of a reply that is not done");
    assert_eq!(unfinished[0].outcome, None);
    assert_eq!(unfinished[1].outcome, Some(second.outcome));
}

pub(crate) async fn the_last_result_brings_its_messages(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    let one = call(1, 0);
    scene
        .store
        .commit_reply(fence(&turn), reply(&turn, 1, 1, 7, vec![one.clone()]))
        .await
        .unwrap();
    let message = NewMessage::tool_result(id(), 2, &one.call, "found".to_owned());
    let last = result(&turn, &one, 9, vec![message]);
    scene.store.commit_result(fence(&turn), last).await.unwrap();

    let ground = groundwork(&scene, &turn).await;
    assert!(ground.unfinished.is_empty());
    assert_eq!(ground.next_place, 3);
    let answer = ground.history.last().unwrap();
    assert_eq!(
        (answer.role, answer.tool_call_id.as_deref()),
        (Role::Tool, Some("call-1-0"))
    );
    assert_eq!(answer.name.as_deref(), Some("search_docs"));
}

pub(crate) async fn a_result_for_no_call_is_an_error(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    let one = call(1, 0);
    scene
        .store
        .commit_reply(fence(&turn), reply(&turn, 1, 1, 7, vec![one.clone()]))
        .await
        .unwrap();
    let error = scene
        .store
        .commit_result(fence(&turn), result(&turn, &call(1, 5), 8, Vec::new()))
        .await;
    assert_eq!(error.unwrap_err().kind, ErrorKind::Broken);
    scene
        .store
        .commit_result(fence(&turn), result(&turn, &one, 8, Vec::new()))
        .await
        .unwrap();
    // A call that is done has one outcome for good.
    let mut other = result(&turn, &one, 9, Vec::new());
    other.outcome = copilot_core::ledger::CallOutcome::Error("no".to_owned());
    let error = scene.store.commit_result(fence(&turn), other).await;
    assert_eq!(error.unwrap_err().kind, ErrorKind::Broken);
    assert_eq!(
        stored_parts(&scene.store, turn.key()).await,
        [(0, 1), (1, 7), (1, 8)]
    );
}

pub(crate) async fn every_commit_may_be_repeated(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    let one = call(1, 0);
    let point = reply(&turn, 1, 1, 7, vec![one.clone()]);
    let tool = NewMessage::tool_result(id(), 2, &one.call, "found".to_owned());
    let outcome = result(&turn, &one, 9, vec![tool]);
    let last = end(&turn, TurnStatus::Completed);
    for _ in 0..3 {
        assert_eq!(
            scene
                .store
                .commit_reply(fence(&turn), point.clone())
                .await
                .unwrap(),
            Commit::Done
        );
    }
    for _ in 0..3 {
        assert_eq!(
            scene
                .store
                .commit_result(fence(&turn), outcome.clone())
                .await
                .unwrap(),
            Commit::Done
        );
    }
    for _ in 0..3 {
        assert_eq!(
            scene
                .store
                .commit_end(fence(&turn), last.clone())
                .await
                .unwrap(),
            Commit::Done
        );
    }
    assert_eq!(places(&scene, &turn).await, [0, 1, 2, 1_000]);
    assert_eq!(
        stored_parts(&scene.store, turn.key()).await,
        [(0, 1), (1, 7), (1, 9), (1, 1_000)]
    );
    assert_eq!(subject.rows("tool_calls").await, 1);
}

pub(crate) async fn a_late_repeat_of_an_early_point_changes_nothing(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    let early = reply(&turn, 1, 1, 7, Vec::new());
    let late = reply(&turn, 2, 2, 9, Vec::new());
    scene
        .store
        .commit_reply(fence(&turn), early.clone())
        .await
        .unwrap();
    scene.store.commit_reply(fence(&turn), late).await.unwrap();
    let before = scene.turn(&turn).await;
    assert_eq!(
        scene.store.commit_reply(fence(&turn), early).await.unwrap(),
        Commit::Done
    );
    assert_eq!(scene.turn(&turn).await, before);
    assert_eq!(places(&scene, &turn).await, [0, 1, 2]);
}

pub(crate) async fn an_end_is_final(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    let mut last = end(&turn, TurnStatus::Failed);
    last.finish_reason = FinishReason::Error;
    last.error = Some(TurnError::retryable(ErrorCode::LlmUnavailable, "try later"));
    assert_eq!(
        scene
            .store
            .commit_end(fence(&turn), last.clone())
            .await
            .unwrap(),
        Commit::Done
    );

    let ended = scene.turn(&turn).await;
    assert_eq!(
        (ended.status, ended.error, ended.usage),
        (TurnStatus::Failed, last.error, last.usage)
    );
    assert_eq!(
        (ended.finish_reason, ended.steps),
        (Some(FinishReason::Error), 1)
    );
    assert_eq!(
        (ended.durable, ended.owner),
        (at(1, 1_000), Some(scene.executor))
    );
    assert!(ended.finished_at.unwrap() >= ended.started_at.unwrap());

    let late = reply(&turn, 2, 2, 2_000, Vec::new());
    assert_eq!(
        scene.store.commit_reply(fence(&turn), late).await.unwrap(),
        Commit::Fenced
    );
    let late = result(&turn, &call(1, 0), 2_000, Vec::new());
    assert_eq!(
        scene.store.commit_result(fence(&turn), late).await.unwrap(),
        Commit::Fenced
    );
    assert_eq!(scene.hand_back(&turn, HandBack::Lost).await, Commit::Fenced);
    assert!(scene.claim(turn.id).await.is_none());
    assert!(scene.store.groundwork(&turn).await.unwrap().is_none());
    for when in [
        RaiseIf::Cancelled,
        RaiseIf::AttemptsExhausted { max_attempts: 0 },
    ] {
        assert!(scene.store.raise(turn.id, when).await.unwrap().is_none());
    }
}

pub(crate) async fn an_end_may_be_repeated(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    assert_eq!(scene.end(&turn, TurnStatus::Completed).await, Commit::Done);
    let first = scene.turn(&turn).await;
    // Another end of the same attempt finds the first one, and changes nothing of it.
    assert_eq!(scene.end(&turn, TurnStatus::Failed).await, Commit::Done);
    assert_eq!(scene.turn(&turn).await, first);
    let error = scene
        .store
        .commit_end(fence(&turn), end(&turn, TurnStatus::Running))
        .await;
    assert_eq!(error.unwrap_err().kind, ErrorKind::Broken);
}

async fn assert_all_fenced(scene: &Scene, stale: &Turn, one: &copilot_core::ledger::LedgerCall) {
    let before = scene.turn(stale).await;
    let parts = stored_parts(&scene.store, stale.key()).await;
    let messages = places(scene, stale).await;
    let late = reply(stale, 2, 5, 2_000, vec![call(2, 0)]);
    assert_eq!(
        scene.store.commit_reply(fence(stale), late).await.unwrap(),
        Commit::Fenced
    );
    let late = result(
        stale,
        one,
        2_000,
        vec![NewMessage::text(id(), 6, Role::Tool, "late")],
    );
    assert_eq!(
        scene.store.commit_result(fence(stale), late).await.unwrap(),
        Commit::Fenced
    );
    assert_eq!(
        scene.end(stale, TurnStatus::Completed).await,
        Commit::Fenced
    );
    for why in [HandBack::InOrder, HandBack::Lost] {
        assert_eq!(scene.hand_back(stale, why).await, Commit::Fenced);
    }
    assert!(scene.store.groundwork(stale).await.unwrap().is_none());
    assert_eq!(scene.turn(stale).await, before);
    assert_eq!(stored_parts(&scene.store, stale.key()).await, parts);
    assert_eq!(places(scene, stale).await, messages);
}

pub(crate) async fn a_takeover_fences_every_commit(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let stale = scene.running().await;
    let one = call(1, 0);
    scene
        .store
        .commit_reply(fence(&stale), reply(&stale, 1, 1, 7, vec![one.clone()]))
        .await
        .unwrap();
    scene.lose_lease().await;
    let turn = scene.claim(stale.id).await.unwrap();
    assert_all_fenced(&scene, &stale, &one).await;
    assert_eq!(scene.end(&turn, TurnStatus::Completed).await, Commit::Done);
    assert_all_fenced(&scene, &stale, &one).await;
}

pub(crate) async fn a_raise_fences_every_commit(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let stale = scene.running().await;
    let one = call(1, 0);
    scene
        .store
        .commit_reply(fence(&stale), reply(&stale, 1, 1, 7, vec![one.clone()]))
        .await
        .unwrap();
    scene
        .store
        .request_cancel(&ann(), scene.session, None)
        .await
        .unwrap();
    let raised = scene
        .store
        .raise(stale.id, RaiseIf::Cancelled)
        .await
        .unwrap()
        .unwrap();
    assert_all_fenced(&scene, &stale, &one).await;
    assert_eq!(
        scene.end(&raised.turn, TurnStatus::Cancelled).await,
        Commit::Done
    );
    assert_all_fenced(&scene, &stale, &one).await;
    assert_eq!(scene.turn(&stale).await.status, TurnStatus::Cancelled);
}

pub(crate) async fn groundwork_is_what_an_attempt_starts_from(subject: &Subject) {
    let mut scene = Scene::of(subject).await;
    let former = scene.running().await;
    scene.end(&former, TurnStatus::Completed).await;
    let turn = scene.running().await;
    let later = scene.queued().await;
    let one = call(1, 0);
    scene
        .store
        .commit_reply(fence(&turn), reply(&turn, 1, 1, 7, vec![one.clone()]))
        .await
        .unwrap();
    scene.lose_lease().await;
    let turn = scene.claim(turn.id).await.unwrap();

    let ground = groundwork(&scene, &turn).await;
    let sequences: Vec<_> = ground
        .history
        .iter()
        .map(|message| message.sequence)
        .collect();
    assert_eq!(
        sequences,
        [
            sequence(1, 0),
            sequence(1, 1_000),
            sequence(2, 0),
            sequence(2, 1)
        ]
    );
    assert!(
        ground
            .history
            .iter()
            .all(|message| message.turn_id != later.id)
    );
    assert_eq!(ground.unfinished, std::slice::from_ref(&one));
    assert_eq!(ends_of(&ground.parts), [(0, 1), (1, 7)]);
    assert_eq!(ground.next_place, 2);

    // The next attempt goes on where this one stopped.
    let outcome = result(&turn, &one, 2, Vec::new());
    assert_eq!(
        scene
            .store
            .commit_result(fence(&turn), outcome)
            .await
            .unwrap(),
        Commit::Done
    );
    let ground = groundwork(&scene, &turn).await;
    assert!(ground.unfinished.is_empty());
    assert_eq!(ends_of(&ground.parts), [(0, 1), (1, 7), (2, 2)]);
    assert_eq!(scene.turn(&turn).await.durable, at(2, 2));
}

pub(crate) async fn groundwork_shows_nothing_of_turns_that_never_ran(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let dequeued = scene.queued().await;
    scene
        .store
        .request_cancel(&ann(), scene.session, None)
        .await
        .unwrap();
    let raised = scene
        .store
        .raise(dequeued.id, RaiseIf::CancelledAndUnheld)
        .await
        .unwrap()
        .unwrap();
    scene.end(&raised.turn, TurnStatus::Cancelled).await;
    let turn = scene.running().await;
    let ground = groundwork(&scene, &turn).await;
    assert!(
        ground
            .history
            .iter()
            .all(|message| message.turn_id == turn.id)
    );
    assert_eq!((ground.history.len(), ground.next_place), (1, 1));
}

pub(crate) async fn groundwork_is_only_for_the_claimer(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let waiting = scene.queued().await;
    assert!(scene.store.groundwork(&waiting).await.unwrap().is_none());
    let turn = scene.claim(waiting.id).await.unwrap();
    assert!(scene.store.groundwork(&waiting).await.unwrap().is_none());
    let ground = groundwork(&scene, &turn).await;
    assert!(ground.unfinished.is_empty());
    assert_eq!(ends_of(&ground.parts), [(0, 1)]);

    // A fence names the session too.
    let other = session_of(&scene.store, &ann()).await;
    let mut wrong = fence(&turn);
    wrong.key.session_id = other;
    let not_mine = Turn {
        session_id: other,
        ..turn.clone()
    };
    assert!(scene.store.groundwork(&not_mine).await.unwrap().is_none());
    let commit = ReplyCommit {
        parts: vec![entry(1, 3)],
        ..reply(&turn, 1, 1, 3, Vec::new())
    };
    assert_eq!(
        scene.store.commit_reply(wrong, commit).await.unwrap(),
        Commit::Fenced
    );
    copilot_core::port::store::TurnIntake::accept(&*scene.store, &ann(), other, new_turn())
        .await
        .unwrap();
    assert_eq!(
        scene
            .store
            .commit_end(wrong, end(&turn, TurnStatus::Failed))
            .await
            .unwrap(),
        Commit::Fenced
    );
    assert!(
        scene
            .store
            .claim(scene.executor, turn.id, RULES)
            .await
            .unwrap()
            .is_none()
    );
}
