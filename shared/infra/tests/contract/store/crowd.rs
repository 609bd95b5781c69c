//! Many hands at once.

use super::{
    backend::Subject,
    scene::{LEASE, ann, end, executor, fence, new_turn, reply, session_of},
};
use copilot_core::{
    id::SessionId,
    port::store::{ClaimRules, Files, HandBack, Page, RaiseIf, Store},
    session::MessagePage,
    turn::{Caps, NewTurn, OnBusy, TurnStatus},
};
use std::{sync::Arc, time::Duration};

const RULES: ClaimRules = ClaimRules {
    max_running: 2,
    max_attempts: 2,
    timeout: Duration::from_hours(1),
};
const EXHAUSTED: RaiseIf = RaiseIf::AttemptsExhausted { max_attempts: 2 };
const ALL: Page = Page {
    limit: 100,
    offset: 0,
};

/// A client that hangs up drops the call wherever it stands. What it had begun is there as a
/// whole or not at all, and nobody after it is held up.
pub(crate) async fn a_caller_that_goes_away_leaves_a_whole_or_nothing(subject: &Subject) {
    let store = subject.port();
    let session = session_of(&store, &ann()).await;
    let me = executor(&store).await;
    let rules = ClaimRules {
        max_running: 100,
        ..RULES
    };
    let owner = ann();
    let mut last = None;
    for patience in 0..60 {
        let patience = Duration::from_micros(patience * 40);
        let caps = Caps {
            running: 100,
            in_flight: 1_000,
        };
        let accept = store.accept(&owner, session, NewTurn { caps, ..new_turn() });
        drop(tokio::time::timeout(patience, accept).await);
        if let Some(turn) = &last {
            let ending = store.commit_end(fence(turn), end(turn, TurnStatus::Completed));
            drop(tokio::time::timeout(patience, ending).await);
        }
        drop(
            tokio::time::timeout(
                patience,
                store.snapshot(&ann(), session, MessagePage::default()),
            )
            .await,
        );
        store.probe().await.unwrap();
        let active = store.active_turn(&ann(), session).await.unwrap().flatten();
        if let Some(active) = active {
            last = store.claim(me, active.id, rules).await.unwrap().or(last);
        }
    }
    let turns = store
        .list_turns(
            &ann(),
            session,
            Page {
                limit: 1_000,
                offset: 0,
            },
        )
        .await
        .unwrap()
        .unwrap();
    let ended = turns
        .items
        .iter()
        .filter(|turn| turn.status.is_terminal())
        .count();
    assert_eq!(
        subject.rows("messages").await,
        i64::try_from(turns.items.len() + ended).unwrap()
    );
    assert_eq!(
        subject.rows("turn_parts").await,
        i64::try_from(ended).unwrap()
    );
    let mut numbers: Vec<_> = turns.items.iter().map(|turn| turn.number).collect();
    numbers.reverse();
    assert_eq!(
        numbers,
        (1..=i64::try_from(turns.items.len()).unwrap()).collect::<Vec<_>>()
    );
}

/// Clients, executors and looks work on the same few sessions at once. Nobody may be told of
/// a failure (a deadlock, say), and in the end every turn has ended once.
pub(crate) async fn many_hands_at_once_leave_every_turn_with_one_end(subject: &Subject) {
    let store = subject.port();
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(session_of(&store, &ann()).await);
    }
    let clients = (0..3).map(|n| client(&store, &sessions, n));
    let executors = (0..4).map(|n| work(&store, n));
    let looks = (0..2).map(|_| look_after(&store));
    tokio::join!(
        futures::future::join_all(clients),
        futures::future::join_all(executors),
        futures::future::join_all(looks),
    );

    let me = executor(&store).await;
    let rules = ClaimRules {
        max_running: 100,
        max_attempts: 1_000,
        ..RULES
    };
    for _ in 0..200 {
        for turn in store
            .claim_waiting(me, 100, Duration::ZERO, rules, &|_| {})
            .await
            .unwrap()
        {
            store
                .commit_end(fence(&turn), end(&turn, TurnStatus::Completed))
                .await
                .unwrap();
        }
        for (key, _) in store
            .closable(1_000, Duration::ZERO, Duration::ZERO, 100)
            .await
            .unwrap()
        {
            let raised = store
                .raise(key.turn_id, RaiseIf::Cancelled)
                .await
                .unwrap()
                .unwrap();
            store
                .commit_end(
                    fence(&raised.turn),
                    end(&raised.turn, TurnStatus::Cancelled),
                )
                .await
                .unwrap();
        }
    }
    for session in &sessions[1..] {
        let turns = store
            .list_turns(&ann(), *session, ALL)
            .await
            .unwrap()
            .unwrap();
        assert!(turns.total > 0);
        assert!(
            turns.items.iter().all(|turn| turn.status.is_terminal()),
            "{turns:?}"
        );
    }
    assert!(
        store
            .find_session(&ann(), sessions[0])
            .await
            .unwrap()
            .is_none()
    );
}

async fn client(store: &Arc<dyn Store>, sessions: &[SessionId], me: usize) {
    for round in 0..30_usize {
        let session = sessions[(round + me) % sessions.len()];
        let on_busy = if round % 5 == me {
            OnBusy::Interrupt
        } else {
            OnBusy::Queue
        };
        let caps = Caps {
            running: 2,
            in_flight: 1_000,
        };
        store
            .accept(
                &ann(),
                session,
                NewTurn {
                    on_busy,
                    caps,
                    ..new_turn()
                },
            )
            .await
            .unwrap();
        match round % 7 {
            3 => drop(store.request_cancel(&ann(), session, None).await.unwrap()),
            5 => drop(
                store
                    .rename_session(&ann(), session, "a title")
                    .await
                    .unwrap(),
            ),
            _ => {}
        }
        let page = MessagePage {
            limit: Some(5),
            ..MessagePage::default()
        };
        drop(store.snapshot(&ann(), session, page).await.unwrap());
        let turns = store.list_turns(&ann(), session, ALL).await.unwrap();
        let at_work = turns.iter().flat_map(|turns| &turns.items);
        assert!(
            at_work
                .filter(|turn| turn.status == TurnStatus::Running)
                .count()
                <= 1
        );
        if round == 25 && me == 0 {
            drop(
                store
                    .delete_session(&ann(), sessions[0], Files::Delete)
                    .await
                    .unwrap(),
            );
        }
    }
}

async fn work(store: &Arc<dyn Store>, me: usize) {
    let mut lease = executor(store).await;
    for round in 0..40_usize {
        drop(store.heartbeat(lease, LEASE).await.unwrap());
        for turn in store
            .claim_waiting(lease, 2, Duration::ZERO, RULES, &|_| {})
            .await
            .unwrap()
        {
            drop(store.groundwork(&turn).await.unwrap());
            let commit = reply(&turn, 1, 1, 5, Vec::new());
            store.commit_reply(fence(&turn), commit).await.unwrap();
            if (round + me).is_multiple_of(5) {
                store
                    .hand_back(fence(&turn), HandBack::InOrder)
                    .await
                    .unwrap();
            } else if !(round + me).is_multiple_of(7) {
                store
                    .commit_end(fence(&turn), end(&turn, TurnStatus::Completed))
                    .await
                    .unwrap();
                store.streams_finished(&[turn.id]).await.unwrap();
                if let Some(next) = store.next_waiting(turn.key()).await.unwrap()
                    && let Some(next) = store.claim(lease, next.turn_id, RULES).await.unwrap()
                {
                    store
                        .commit_end(fence(&next), end(&next, TurnStatus::Failed))
                        .await
                        .unwrap();
                }
            }
        }
        if round % 10 == me {
            store.unregister(lease).await.unwrap();
            lease = executor(store).await;
        }
    }
    store.unregister(lease).await.unwrap();
}

async fn look_after(store: &Arc<dyn Store>) {
    for _ in 0..40 {
        let closable = store
            .closable(2, Duration::from_millis(20), Duration::ZERO, 10)
            .await
            .unwrap();
        for (key, _) in closable {
            for when in [RaiseIf::CancelledAndUnheld, EXHAUSTED] {
                if let Some(raised) = store.raise(key.turn_id, when).await.unwrap() {
                    let commit = end(&raised.turn, TurnStatus::Cancelled);
                    store.commit_end(fence(&raised.turn), commit).await.unwrap();
                }
            }
        }
        let ended: Vec<_> = store.unfinished_streams(10).await.unwrap();
        let ended: Vec<_> = ended.into_iter().map(|key| key.turn_id).collect();
        store.streams_finished(&ended).await.unwrap();
        drop(store.states(&ended).await.unwrap());
        store.purge(Duration::ZERO, 1).await.unwrap();
    }
}
