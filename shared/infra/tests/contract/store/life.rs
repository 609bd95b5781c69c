//! The life of turns: random histories, with crashes, against a small model of them.
//!
//! The model says what each operation must answer and how every turn must stand after it:
//! one terminal state, never two at work in a session and always in order, a fence before
//! every write, and nothing of a deleted session ever again.

use super::{
    backend::{self, Backend, Subject},
    scene::{
        LEASE, ann, call, end, executor, fence as fence_of, new_turn, reply, result, session_of,
    },
};
use crate::world::id;
use copilot_core::{
    id::{ExecutorId, SessionId},
    ledger::LedgerCall,
    message::{NewMessage, Role},
    port::store::{
        Acceptance, CancelRequest, ClaimRules, Commit, Files, HandBack, Page, RaiseIf, Store,
    },
    position::Attempt,
    session::{ActiveMessages, MessagePage},
    turn::{Caps, NewTurn, OnBusy, Turn, TurnKey, TurnStatus},
};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
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

/// What happens. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Accept { session: usize, on_busy: OnBusy },
    Claim { executor: usize, turn: usize },
    Look { executor: usize, free: u32 },
    Crash { executor: usize },
    Reply { fence: usize, with_call: bool },
    Result { fence: usize },
    End { fence: usize, status: TurnStatus },
    HandBack { fence: usize, why: HandBack },
    Raise { turn: usize, when: RaiseIf },
    Cancel { session: usize, turn: Option<usize> },
    Delete { session: usize },
    Purge,
}

fn step() -> impl Strategy<Value = Step> {
    let small = 0..6_usize;
    let on_busy = prop_oneof![4 => Just(OnBusy::Queue), 1 => Just(OnBusy::Interrupt), 1 => Just(OnBusy::Reject)];
    let status = prop_oneof![
        4 => Just(TurnStatus::Completed), 1 => Just(TurnStatus::Failed), 2 => Just(TurnStatus::Cancelled)
    ];
    let why = prop_oneof![Just(HandBack::InOrder), Just(HandBack::Lost)];
    let when = prop_oneof![
        Just(RaiseIf::CancelledAndUnheld),
        Just(RaiseIf::Cancelled),
        Just(EXHAUSTED)
    ];
    prop_oneof![
        6 => (small.clone(), on_busy).prop_map(|(session, on_busy)| Step::Accept { session, on_busy }),
        6 => (0..2_usize, small.clone()).prop_map(|(executor, turn)| Step::Claim { executor, turn }),
        3 => (0..2_usize, 0..4_u32).prop_map(|(executor, free)| Step::Look { executor, free }),
        3 => (0..2_usize).prop_map(|executor| Step::Crash { executor }),
        5 => (small.clone(), any::<bool>()).prop_map(|(fence, with_call)| Step::Reply { fence, with_call }),
        4 => small.clone().prop_map(|fence| Step::Result { fence }),
        4 => (small.clone(), status).prop_map(|(fence, status)| Step::End { fence, status }),
        3 => (small.clone(), why).prop_map(|(fence, why)| Step::HandBack { fence, why }),
        3 => (small.clone(), when).prop_map(|(turn, when)| Step::Raise { turn, when }),
        2 => (small.clone(), proptest::option::of(0..6_usize))
            .prop_map(|(session, turn)| Step::Cancel { session, turn }),
        1 => small.prop_map(|session| Step::Delete { session }),
        1 => Just(Step::Purge),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_history_of_turns_goes_as_the_model_says(steps in proptest::collection::vec(step(), 1..60)) {
        go_through(Backend::SqliteMemory, steps);
    }

    #[test]
    fn every_history_on_a_file_goes_as_the_model_says(steps in proptest::collection::vec(step(), 1..60)) {
        go_through(Backend::SqliteFile, steps);
    }
}

fn go_through(backend: Backend, steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(backend::run(backend, async |subject: &Subject| {
        let mut history = History::begin(subject).await;
        for step in steps {
            history.take(step).await;
            history.check().await;
        }
    }));
}

/// A turn as the model knows it.
struct ModelTurn {
    key: TurnKey,
    session: usize,
    status: TurnStatus,
    attempt: Attempt,
    owner: Option<ExecutorId>,
    lost: u32,
    cancel: bool,
    steps: u32,
    unit: u64,
    pending: Option<LedgerCall>,
    parts: Vec<(Attempt, u64)>,
    messages: u32,
}

struct ModelSession {
    id: SessionId,
    deleted: bool,
}

struct History {
    store: Arc<dyn Store>,
    sessions: Vec<ModelSession>,
    /// In the order of acceptance.
    turns: Vec<ModelTurn>,
    executors: [ExecutorId; 2],
    /// Every fence that anybody ever had, newest last: crashed executors still write.
    fences: Vec<(usize, Turn)>,
}

impl History {
    async fn begin(subject: &Subject) -> Self {
        let store = subject.port();
        let mut sessions = Vec::new();
        for _ in 0..3 {
            sessions.push(ModelSession {
                id: session_of(&store, &ann()).await,
                deleted: false,
            });
        }
        let executors = [executor(&store).await, executor(&store).await];
        Self {
            store,
            sessions,
            turns: Vec::new(),
            executors,
            fences: Vec::new(),
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Accept { session, on_busy } => self.accept(session % 3, on_busy).await,
            Step::Claim { executor, turn } => self.claim(executor, turn).await,
            Step::Look { executor, free } => self.look(executor, free).await,
            Step::Crash { executor } => self.crash(executor).await,
            Step::Reply { fence, with_call } => self.reply(fence, with_call).await,
            Step::Result { fence } => self.result(fence).await,
            Step::End { fence, status } => self.end(fence, status).await,
            Step::HandBack { fence, why } => self.hand_back(fence, why).await,
            Step::Raise { turn, when } => self.raise(turn, when).await,
            Step::Cancel { session, turn } => self.cancel(session % 3, turn).await,
            Step::Delete { session } => self.delete(session % 3).await,
            Step::Purge => {
                self.store.purge(Duration::ZERO, 2).await.unwrap();
            }
        }
    }

    /// One of the newest turns.
    fn recent_turn(&self, choice: usize) -> Option<usize> {
        let newest = self.turns.len().checked_sub(1)?;
        Some(newest - choice % self.turns.len().min(6))
    }

    /// One of the newest fences, and whether it still stands before its turn.
    fn recent_fence(&self, choice: usize) -> Option<(usize, Turn)> {
        let newest = self.fences.len().checked_sub(1)?;
        self.fences
            .get(newest - choice % self.fences.len().min(6))
            .cloned()
    }

    fn passes(&self, turn: usize, fence: &Turn) -> bool {
        let model = &self.turns[turn];
        model.attempt == fence.attempt && !self.sessions[model.session].deleted
    }

    fn live(&self, owner: Option<ExecutorId>) -> bool {
        owner.is_some_and(|owner| self.executors.contains(&owner))
    }

    fn lost_if_taken(&self, turn: usize) -> u32 {
        let model = &self.turns[turn];
        model.lost + u32::from(model.status == TurnStatus::Running && model.owner.is_some())
    }

    fn exhausted(&self, turn: usize) -> bool {
        let model = &self.turns[turn];
        model.status == TurnStatus::Running
            && !self.live(model.owner)
            && self.lost_if_taken(turn) >= RULES.max_attempts
    }

    fn claimable(&self, turn: usize) -> bool {
        let model = &self.turns[turn];
        if self.sessions[model.session].deleted {
            return false;
        }
        match model.status {
            TurnStatus::Queued if model.cancel => false,
            TurnStatus::Queued => {
                let first = self.turns[..turn].iter().all(|earlier| {
                    earlier.session != model.session || earlier.status.is_terminal()
                });
                let running = self
                    .turns
                    .iter()
                    .filter(|other| other.status == TurnStatus::Running)
                    .count();
                first && running < RULES.max_running as usize
            }
            TurnStatus::Running => {
                !self.live(model.owner) && self.lost_if_taken(turn) < RULES.max_attempts
            }
            _ => false,
        }
    }

    async fn accept(&mut self, session: usize, on_busy: OnBusy) {
        let new = NewTurn {
            on_busy,
            caps: Caps {
                running: 2,
                in_flight: 6,
            },
            ..new_turn()
        };
        let in_flight = self
            .turns
            .iter()
            .filter(|turn| !turn.status.is_terminal())
            .count();
        let busy = self.unfinished(session);
        let answer = self
            .store
            .accept(&ann(), self.sessions[session].id, new)
            .await
            .unwrap();
        match answer {
            Acceptance::NoSession => assert!(self.sessions[session].deleted),
            Acceptance::TooMany => assert!(in_flight >= 6),
            Acceptance::Busy(turn) => {
                assert_eq!(
                    (on_busy, turn),
                    (OnBusy::Reject, self.turns[busy[0]].key.turn_id)
                );
            }
            Acceptance::Begun { turn, interrupted } => {
                assert!(!self.sessions[session].deleted && in_flight < 6);
                assert!(on_busy != OnBusy::Reject || busy.is_empty());
                let expected = if on_busy == OnBusy::Interrupt {
                    busy
                } else {
                    Vec::new()
                };
                let keys: Vec<_> = expected.iter().map(|turn| self.turns[*turn].key).collect();
                assert_eq!(interrupted.iter().map(Turn::key).collect::<Vec<_>>(), keys);
                for turn in expected {
                    self.turns[turn].cancel = true;
                }
                self.turns.push(ModelTurn {
                    key: turn.key(),
                    session,
                    status: TurnStatus::Queued,
                    attempt: 0,
                    owner: None,
                    lost: 0,
                    cancel: false,
                    steps: 0,
                    unit: 0,
                    pending: None,
                    parts: vec![(0, 1)],
                    messages: 1,
                });
            }
            Acceptance::Attached(_) | Acceptance::Mismatch => panic!("there was no key"),
        }
    }

    fn unfinished(&self, session: usize) -> Vec<usize> {
        let of_session = |turn: &ModelTurn| turn.session == session && !turn.status.is_terminal();
        self.turns
            .iter()
            .enumerate()
            .filter(|(_, turn)| of_session(turn))
            .map(|(at, _)| at)
            .collect()
    }

    async fn claim(&mut self, executor: usize, choice: usize) {
        let Some(turn) = self.recent_turn(choice) else {
            return;
        };
        let expected = self.claimable(turn);
        let key = self.turns[turn].key;
        let claimed = self
            .store
            .claim(self.executors[executor], key.turn_id, RULES)
            .await
            .unwrap();
        assert_eq!(claimed.is_some(), expected, "claim of {key:?}");
        if let Some(claimed) = claimed {
            self.claimed(executor, turn, claimed);
        }
    }

    fn claimed(&mut self, executor: usize, turn: usize, claimed: Turn) {
        let lost = self.lost_if_taken(turn);
        let owner = Some(self.executors[executor]);
        let model = &mut self.turns[turn];
        (model.status, model.owner, model.lost) = (TurnStatus::Running, owner, lost);
        model.attempt += 1;
        model.unit = 0;
        assert_eq!(claimed.cancel_requested, model.cancel);
        self.fences.push((turn, claimed));
    }

    async fn look(&mut self, executor: usize, free: u32) {
        let candidates: Vec<_> = (0..self.turns.len())
            .filter(|turn| self.claimable(*turn))
            .take(free as usize)
            .collect();
        let me = self.executors[executor];
        let mut claimed = self
            .store
            .claim_waiting(me, free, Duration::ZERO, RULES, &|_| {})
            .await
            .unwrap()
            .into_iter();
        for turn in candidates {
            // The cap may be reached by those before it.
            if self.claimable(turn) {
                let next = claimed.next().expect("all that may be claimed is");
                assert_eq!(next.key(), self.turns[turn].key);
                self.claimed(executor, turn, next);
            }
        }
        assert!(claimed.next().is_none());
    }

    /// Its tasks go on as ghosts: their fences stay in the history.
    async fn crash(&mut self, executor: usize) {
        self.store
            .unregister(self.executors[executor])
            .await
            .unwrap();
        let new = id();
        self.store.register(new, LEASE).await.unwrap();
        self.executors[executor] = new;
    }

    async fn reply(&mut self, choice: usize, with_call: bool) {
        let Some((turn, fence)) = self.recent_fence(choice) else {
            return;
        };
        let model = &self.turns[turn];
        let passes = self.passes(turn, &fence) && model.status == TurnStatus::Running;
        if passes && model.pending.is_some() {
            return;
        }
        let (step, unit) = (model.steps + 1, model.unit + 5);
        let mut one = call(step, 0);
        one.call.id = format!("{}-{}", one.call.id, fence.attempt);
        let calls = if with_call {
            vec![one.clone()]
        } else {
            Vec::new()
        };
        let commit = reply(&fence, step, model.messages, unit, calls);
        let done = self
            .store
            .commit_reply(fence_of(&fence), commit.clone())
            .await
            .unwrap();
        assert_eq!(done, expected(passes));
        if passes {
            assert_eq!(
                self.store
                    .commit_reply(fence_of(&fence), commit)
                    .await
                    .unwrap(),
                Commit::Done
            );
            let model = &mut self.turns[turn];
            (model.steps, model.lost, model.unit) = (step, 0, unit);
            model.pending = with_call.then_some(one);
            model.parts.push((fence.attempt, unit));
            model.messages += 1;
        }
    }

    async fn result(&mut self, choice: usize) {
        let Some((turn, fence)) = self.recent_fence(choice) else {
            return;
        };
        let model = &self.turns[turn];
        let passes = self.passes(turn, &fence) && model.status == TurnStatus::Running;
        let one = match (&model.pending, passes) {
            (Some(pending), _) => pending.clone(),
            (None, true) => return,
            (None, false) => call(1, 0),
        };
        let unit = model.unit + 3;
        let message = NewMessage::text(id(), model.messages, Role::Tool, "a result");
        let commit = result(&fence, &one, unit, vec![message]);
        let done = self
            .store
            .commit_result(fence_of(&fence), commit.clone())
            .await
            .unwrap();
        assert_eq!(done, expected(passes));
        if passes {
            assert_eq!(
                self.store
                    .commit_result(fence_of(&fence), commit)
                    .await
                    .unwrap(),
                Commit::Done
            );
            let model = &mut self.turns[turn];
            (model.pending, model.lost, model.unit) = (None, 0, unit);
            model.parts.push((fence.attempt, unit));
            model.messages += 1;
        }
    }

    async fn end(&mut self, choice: usize, status: TurnStatus) {
        let Some((turn, fence)) = self.recent_fence(choice) else {
            return;
        };
        let passes = self.passes(turn, &fence);
        let commit = end(&fence, status);
        let done = self
            .store
            .commit_end(fence_of(&fence), commit)
            .await
            .unwrap();
        assert_eq!(done, expected(passes));
        let model = &mut self.turns[turn];
        if passes && !model.status.is_terminal() {
            model.status = status;
            model.parts.push((fence.attempt, 1_000));
            model.messages += 1;
        }
    }

    async fn hand_back(&mut self, choice: usize, why: HandBack) {
        let Some((turn, fence)) = self.recent_fence(choice) else {
            return;
        };
        let passes = self.passes(turn, &fence) && self.turns[turn].status == TurnStatus::Running;
        assert_eq!(
            self.store.hand_back(fence_of(&fence), why).await.unwrap(),
            expected(passes)
        );
        let model = &mut self.turns[turn];
        if passes && model.owner.take().is_some() && why == HandBack::Lost {
            model.lost += 1;
        }
    }

    async fn raise(&mut self, choice: usize, when: RaiseIf) {
        let Some(turn) = self.recent_turn(choice) else {
            return;
        };
        let model = &self.turns[turn];
        let may = match when {
            RaiseIf::CancelledAndUnheld => model.cancel && !self.live(model.owner),
            RaiseIf::Cancelled => model.cancel,
            _ => self.exhausted(turn),
        } && !model.status.is_terminal()
            && !self.sessions[model.session].deleted;
        let raised = self.store.raise(model.key.turn_id, when).await.unwrap();
        assert_eq!(raised.is_some(), may);
        let Some(raised) = raised else { return };
        let lost = self.lost_if_taken(turn);
        let held = self.live(self.turns[turn].owner);
        let model = &mut self.turns[turn];
        assert_eq!(raised.unfinished.first(), model.pending.as_ref());
        assert_eq!(
            (raised.next_place, raised.parts.len()),
            (model.messages, model.parts.len())
        );
        if !held {
            model.lost = lost;
        }
        model.attempt += 1;
        (model.owner, model.unit) = (None, 0);
        self.fences.push((turn, raised.turn));
    }

    async fn cancel(&mut self, session: usize, choice: Option<usize>) {
        let deleted = self.sessions[session].deleted;
        let turn = choice.and_then(|choice| self.recent_turn(choice));
        let named = turn.map(|turn| self.turns[turn].key.turn_id);
        let answer = self
            .store
            .request_cancel(&ann(), self.sessions[session].id, named)
            .await
            .unwrap();
        let marked = match turn {
            None => self.unfinished(session),
            Some(turn) => vec![turn],
        };
        match answer {
            CancelRequest::NotFound => {
                assert!(deleted || turn.is_some_and(|turn| self.turns[turn].session != session));
            }
            CancelRequest::Ended(ended) => {
                assert_eq!(Some(ended.id), named);
                assert!(self.turns[marked[0]].status.is_terminal());
            }
            CancelRequest::Marked(turns) => {
                let keys: Vec<_> = marked.iter().map(|turn| self.turns[*turn].key).collect();
                assert_eq!(turns.iter().map(Turn::key).collect::<Vec<_>>(), keys);
                assert!(!deleted);
                for turn in marked {
                    assert!(!self.turns[turn].status.is_terminal());
                    self.turns[turn].cancel = true;
                }
            }
        }
    }

    async fn delete(&mut self, session: usize) {
        let unfinished = self.unfinished(session);
        let deleted = self
            .store
            .delete_session(&ann(), self.sessions[session].id, Files::Delete)
            .await
            .unwrap();
        assert_eq!(deleted.is_some(), !self.sessions[session].deleted);
        let Some(deleted) = deleted else { return };
        let keys: Vec<_> = unfinished
            .iter()
            .map(|turn| self.turns[*turn].key)
            .collect();
        assert_eq!(deleted.iter().map(Turn::key).collect::<Vec<_>>(), keys);
        self.sessions[session].deleted = true;
        for (turn, after) in unfinished.into_iter().zip(deleted) {
            let model = &mut self.turns[turn];
            model.attempt += 1;
            (model.status, model.owner) = (TurnStatus::Cancelled, None);
            assert_eq!(after.attempt, model.attempt);
            self.fences.push((turn, after));
        }
    }

    /// Every turn stands as the model says, and nothing of a deleted session is there.
    async fn check(&self) {
        let store = &self.store;
        for (at, session) in self.sessions.iter().enumerate() {
            let listed = store.list_turns(&ann(), session.id, ALL).await.unwrap();
            assert_eq!(listed.is_none(), session.deleted);
            let Some(mut listed) = listed else {
                assert!(
                    store
                        .find_session(&ann(), session.id)
                        .await
                        .unwrap()
                        .is_none()
                );
                continue;
            };
            listed.items.reverse();
            let expected: Vec<_> = self
                .turns
                .iter()
                .filter(|turn| turn.session == at)
                .collect();
            assert_eq!(listed.items.len(), expected.len());
            let mut messages = 0;
            for (turn, model) in listed.items.iter().zip(&expected) {
                assert_eq!(turn.key(), model.key);
                assert_eq!((turn.status, turn.attempt), (model.status, model.attempt));
                assert_eq!(
                    (turn.lost_attempts, turn.cancel_requested),
                    (model.lost, model.cancel)
                );
                assert_eq!(turn.finished_at.is_some(), turn.status.is_terminal());
                if !turn.status.is_terminal() {
                    assert_eq!(turn.owner, model.owner);
                }
                messages += model.messages as usize;
            }
            let at_work = listed
                .items
                .iter()
                .filter(|turn| turn.status == TurnStatus::Running)
                .count();
            assert!(at_work <= 1);
            let page = MessagePage {
                active: ActiveMessages::Shown,
                ..MessagePage::default()
            };
            let read = store
                .snapshot(&ann(), session.id, page)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(read.messages.len(), messages);
        }
        for model in &self.turns {
            let recorded = store.recorded(model.key).await.unwrap();
            assert_eq!(recorded.is_none(), self.sessions[model.session].deleted);
            if let Some(recorded) = recorded {
                assert_eq!(super::scene::ends_of(&recorded.parts), model.parts);
            }
        }
    }
}

const fn expected(passes: bool) -> Commit {
    if passes { Commit::Done } else { Commit::Fenced }
}
