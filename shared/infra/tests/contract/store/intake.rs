//! Accepting messages and marking cancels.

use super::{
    backend::Subject,
    scene::{Scene, accepted, ann, bob, new_turn, session_of, stored_parts, with_key},
};
use crate::world::id;
use copilot_core::{
    event::FilesNote,
    message::{AttachedFile, Role, TURN_SPAN},
    port::store::{Acceptance, CancelRequest},
    position::Position,
    session::{MessagePage, Owner},
    traceparent::Traceparent,
    turn::{Caps, NewTurn, OnBusy, OpeningRole, TurnRequest, TurnStatus},
};
use std::{collections::BTreeMap, sync::Arc};

pub(crate) async fn a_message_becomes_a_queued_turn(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let traceparent = Traceparent::try_from(traceparent.to_owned()).unwrap();
    let request = TurnRequest {
        context: BTreeMap::from([("url".to_owned(), "https://example.org".to_owned())]),
        model: Some("a-model".to_owned()),
        opening_role: OpeningRole::Assistant,
        files: None,
        traceparent: Some(traceparent),
    };
    let new = NewTurn {
        request,
        ..new_turn()
    };
    let turn = accepted(&scene.store, &ann(), scene.session, new.clone()).await;
    assert_eq!(
        (turn.id, turn.answer_id, turn.session_id),
        (new.id, new.answer_id, scene.session)
    );
    assert_eq!(
        (turn.number, turn.status, turn.attempt),
        (1, TurnStatus::Queued, 0)
    );
    assert_eq!(
        (turn.owner, turn.started_at, turn.finished_at),
        (None, None, None)
    );
    assert_eq!(
        (turn.durable, &turn.request),
        (turn.opening_end(), &new.request)
    );
    assert_eq!(scene.turn(&turn).await, turn);

    let snapshot = scene
        .store
        .snapshot(&ann(), scene.session, MessagePage::default())
        .await
        .unwrap()
        .unwrap();
    let message = &snapshot.messages[0];
    assert_eq!(
        (message.id, message.turn_id, message.sequence),
        (new.message_id, turn.id, TURN_SPAN)
    );
    assert_eq!(
        (message.role, message.content.as_deref()),
        (Role::Assistant, Some("hello"))
    );
    assert_eq!(message.created_at, turn.created_at);
}

pub(crate) async fn turns_are_numbered_in_order_of_acceptance(subject: &Subject) {
    let scene = Scene::of(subject).await;
    for number in 1..=3 {
        assert_eq!(scene.queued().await.number, number);
    }
    let other = session_of(&scene.store, &ann()).await;
    assert_eq!(
        accepted(&scene.store, &ann(), other, new_turn())
            .await
            .number,
        1
    );
}

pub(crate) async fn a_message_for_no_session_is_refused(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let anonymous = session_of(&scene.store, &Owner::Anonymous).await;
    for (owner, session) in [
        (ann(), id()),
        (bob(), scene.session),
        (Owner::Anonymous, scene.session),
        (ann(), anonymous),
    ] {
        let answer = scene
            .store
            .accept(&owner, session, new_turn())
            .await
            .unwrap();
        assert!(matches!(answer, Acceptance::NoSession), "{answer:?}");
    }
    assert_eq!(subject.rows("turns").await, 0);
    assert_eq!(
        accepted(&scene.store, &ann(), scene.session, new_turn())
            .await
            .number,
        1
    );
}

pub(crate) async fn the_same_key_attaches(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = accepted(&scene.store, &ann(), scene.session, with_key("k", "d")).await;
    match scene
        .store
        .accept(&ann(), scene.session, with_key("k", "d"))
        .await
        .unwrap()
    {
        Acceptance::Attached(attached) => assert_eq!(attached, turn),
        other => panic!("not attached: {other:?}"),
    }
    let other = session_of(&scene.store, &ann()).await;
    assert_ne!(
        accepted(&scene.store, &ann(), other, with_key("k", "d"))
            .await
            .id,
        turn.id
    );
    assert_eq!(subject.rows("messages").await, 2);
}

pub(crate) async fn the_same_key_with_another_content_is_a_mismatch(subject: &Subject) {
    let scene = Scene::of(subject).await;
    accepted(&scene.store, &ann(), scene.session, with_key("k", "d")).await;
    let answer = scene
        .store
        .accept(&ann(), scene.session, with_key("k", "e"))
        .await
        .unwrap();
    assert!(matches!(answer, Acceptance::Mismatch), "{answer:?}");
}

pub(crate) async fn the_same_key_many_times_at_once_makes_one_turn(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let requests = (0..20).map(|_| async {
        match scene
            .store
            .accept(&ann(), scene.session, with_key("k", "d"))
            .await
            .unwrap()
        {
            Acceptance::Begun { turn, .. } => (1, turn.id),
            Acceptance::Attached(turn) => (0, turn.id),
            other => panic!("neither begun nor attached: {other:?}"),
        }
    });
    let answers = futures::future::join_all(requests).await;
    assert_eq!(answers.iter().map(|(begun, _)| begun).sum::<i32>(), 1);
    assert!(answers.iter().all(|(_, turn)| *turn == answers[0].1));
    assert_eq!(subject.rows("turns").await, 1);
}

pub(crate) async fn the_key_is_asked_before_the_caps(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let caps = Caps {
        running: 1,
        in_flight: 1,
    };
    let new = NewTurn {
        caps,
        ..with_key("k", "d")
    };
    accepted(&scene.store, &ann(), scene.session, new).await;
    let again = NewTurn {
        caps,
        on_busy: OnBusy::Reject,
        ..with_key("k", "d")
    };
    let answer = scene
        .store
        .accept(&ann(), scene.session, again)
        .await
        .unwrap();
    assert!(matches!(answer, Acceptance::Attached(_)), "{answer:?}");
}

pub(crate) async fn a_caller_with_too_many_turns_is_refused(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let other = session_of(&scene.store, &ann()).await;
    let caps = Caps {
        running: 1,
        in_flight: 2,
    };
    let first = scene.running().await;
    accepted(&scene.store, &ann(), other, new_turn()).await;
    // Before `on_busy` is asked.
    for on_busy in [OnBusy::Queue, OnBusy::Reject, OnBusy::Interrupt] {
        let new = NewTurn {
            caps,
            on_busy,
            ..new_turn()
        };
        let answer = scene
            .store
            .accept(&ann(), scene.session, new)
            .await
            .unwrap();
        assert!(matches!(answer, Acceptance::TooMany), "{answer:?}");
    }
    let bobs = session_of(&scene.store, &bob()).await;
    accepted(&scene.store, &bob(), bobs, NewTurn { caps, ..new_turn() }).await;
    scene.end(&first, TurnStatus::Completed).await;
    accepted(
        &scene.store,
        &ann(),
        scene.session,
        NewTurn { caps, ..new_turn() },
    )
    .await;
}

pub(crate) async fn the_cap_on_turns_holds_against_many_at_once(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let caps = Caps {
        running: 1,
        in_flight: 3,
    };
    let mut sessions = Vec::new();
    for _ in 0..12 {
        sessions.push(session_of(&scene.store, &ann()).await);
    }
    let requests = sessions.into_iter().map(|session| {
        let store = Arc::clone(&scene.store);
        async move {
            let answer = store
                .accept(&ann(), session, NewTurn { caps, ..new_turn() })
                .await
                .unwrap();
            matches!(answer, Acceptance::Begun { .. })
        }
    });
    let taken = futures::future::join_all(requests)
        .await
        .into_iter()
        .filter(|taken| *taken)
        .count();
    assert_eq!(taken, 3);
}

pub(crate) async fn anonymous_sessions_are_counted_apart(subject: &Subject) {
    let store = subject.port();
    let one = session_of(&store, &Owner::Anonymous).await;
    let two = session_of(&store, &Owner::Anonymous).await;
    let new = || NewTurn {
        caps: Caps {
            running: 1,
            in_flight: 1,
        },
        ..new_turn()
    };
    accepted(&store, &Owner::Anonymous, one, new()).await;
    accepted(&store, &Owner::Anonymous, two, new()).await;
    let answer = store.accept(&Owner::Anonymous, one, new()).await.unwrap();
    assert!(matches!(answer, Acceptance::TooMany), "{answer:?}");
}

pub(crate) async fn a_busy_session_can_refuse(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let reject = || NewTurn {
        on_busy: OnBusy::Reject,
        ..new_turn()
    };
    let first = accepted(&scene.store, &ann(), scene.session, reject()).await;
    scene.queued().await;
    let answer = scene
        .store
        .accept(&ann(), scene.session, reject())
        .await
        .unwrap();
    assert!(
        matches!(answer, Acceptance::Busy(turn) if turn == first.id),
        "{answer:?}"
    );
    assert_eq!(subject.rows("turns").await, 2);
    assert_eq!(
        scene.queued().await.number,
        3,
        "what was refused has no number"
    );
}

pub(crate) async fn an_interrupt_marks_all_others(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let running = scene.running().await;
    let waiting = scene.queued().await;
    let new = NewTurn {
        on_busy: OnBusy::Interrupt,
        ..new_turn()
    };
    match scene
        .store
        .accept(&ann(), scene.session, new)
        .await
        .unwrap()
    {
        Acceptance::Begun { turn, interrupted } => {
            assert!(!turn.cancel_requested);
            assert!(interrupted.iter().all(|turn| turn.cancel_requested));
            let ids: Vec<_> = interrupted.iter().map(|turn| turn.id).collect();
            assert_eq!(ids, [running.id, waiting.id]);
            assert!(!scene.turn(&turn).await.cancel_requested);
        }
        other => panic!("not accepted: {other:?}"),
    }
}

pub(crate) async fn cancel_marks_one_or_all(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turns = [
        scene.running().await,
        scene.queued().await,
        scene.queued().await,
    ];
    match scene
        .store
        .request_cancel(&ann(), scene.session, Some(turns[1].id))
        .await
        .unwrap()
    {
        CancelRequest::Marked(marked) => {
            assert_eq!(
                marked.iter().map(|turn| turn.id).collect::<Vec<_>>(),
                [turns[1].id]
            );
            assert!(marked[0].cancel_requested);
        }
        other => panic!("not marked: {other:?}"),
    }
    assert!(!scene.turn(&turns[0]).await.cancel_requested);
    match scene
        .store
        .request_cancel(&ann(), scene.session, None)
        .await
        .unwrap()
    {
        CancelRequest::Marked(marked) => {
            let ids: Vec<_> = marked.iter().map(|turn| turn.id).collect();
            assert_eq!(ids, turns.map(|turn| turn.id));
        }
        other => panic!("not marked: {other:?}"),
    }
}

pub(crate) async fn cancel_of_an_ended_turn_says_so(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.running().await;
    scene.end(&turn, TurnStatus::Completed).await;
    match scene
        .store
        .request_cancel(&ann(), scene.session, Some(turn.id))
        .await
        .unwrap()
    {
        CancelRequest::Ended(ended) => assert_eq!(ended.status, TurnStatus::Completed),
        other => panic!("not ended: {other:?}"),
    }
    match scene
        .store
        .request_cancel(&ann(), scene.session, None)
        .await
        .unwrap()
    {
        CancelRequest::Marked(marked) => assert!(marked.is_empty()),
        other => panic!("not marked: {other:?}"),
    }
    assert!(!scene.turn(&turn).await.cancel_requested);
}

pub(crate) async fn cancel_of_another_ones_turn_finds_nothing(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.queued().await;
    let other = session_of(&scene.store, &ann()).await;
    for (owner, session, turn) in [
        (bob(), scene.session, None),
        (bob(), scene.session, Some(turn.id)),
        (ann(), other, Some(turn.id)),
        (ann(), scene.session, Some(id())),
        (ann(), id(), None),
    ] {
        let answer = scene
            .store
            .request_cancel(&owner, session, turn)
            .await
            .unwrap();
        assert!(matches!(answer, CancelRequest::NotFound), "{answer:?}");
    }
    assert!(!scene.turn(&turn).await.cancel_requested);
}

pub(crate) async fn files_of_a_request_go_with_the_message_and_open_the_stream(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let file = AttachedFile {
        file_id: id(),
        name: "a.txt".to_owned(),
        mime_type: "text/plain".to_owned(),
        size_bytes: 7,
    };
    let files = Some(FilesNote {
        attached: vec![file.clone()],
        dropped: vec!["x".to_owned()],
    });
    let new = NewTurn {
        request: TurnRequest {
            files,
            ..TurnRequest::default()
        },
        ..new_turn()
    };
    let turn = accepted(&scene.store, &ann(), scene.session, new).await;
    assert_eq!(turn.durable, Position::new(0, 2));
    assert_eq!(
        stored_parts(&scene.store, turn.key()).await,
        [(0, 1), (0, 2)]
    );
    let snapshot = scene
        .store
        .snapshot(&ann(), scene.session, MessagePage::default())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(snapshot.messages[0].metadata.files, [file]);
}
