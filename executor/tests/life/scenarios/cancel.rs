//! Somebody stops a turn, at every moment of its life.

use super::{Readers, approve, healthy, side_by_side};
use crate::{
    book::{Flaw, Script},
    checker::was_stopped,
    faults::{What, When},
    process::{Process, Settings},
    world::World,
};
use copilot_core::{
    port::store::Lease,
    service::cancelling::CancelReason,
    turn::{OnBusy, TurnStatus},
};
use std::{sync::Arc, time::Duration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_turn_is_dequeued_and_never_runs() {
    let world = World::new().await;
    let turn = world.ask(Script::says(5)).await;
    let readers = Readers::of(&world, &turn);

    let cancelled = world.api.cancel(&turn).await.unwrap().unwrap();

    assert_eq!(cancelled.reason, Some(CancelReason::Dequeued));
    assert_eq!(cancelled.status, Some(TurnStatus::Cancelled));
    let told = world.ends.of(turn.id);
    assert_eq!((told.len(), told[0].status), (1, TurnStatus::Cancelled));
    let _executor = healthy(&world).await;
    approve(&world, readers).await;
    assert!(world.book.said("s0t0").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_behind_another_is_dequeued_and_the_one_before_goes_on() {
    let world = World::new().await;
    let executor = Process::start(&world, "A", Settings::default())
        .is_up()
        .await;
    let gate = executor.faults.hold_later(What::Delta, When::Before, 3);
    let session = world.session().await;
    let first = world.ask_in(session, Script::says(6)).await;
    let second = world.ask_in(session, Script::says(6)).await;
    let readers = Readers::of(&world, &first);
    gate.arrived().await;

    let cancelled = world.api.cancel(&second).await.unwrap().unwrap();
    gate.open();

    assert_eq!(cancelled.reason, Some(CancelReason::Dequeued));
    assert_eq!(world.ended(&first).await.status, TurnStatus::Completed);
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_turn_is_stopped_wherever_it_is() {
    let spots = [
        (What::Claim, When::Before, 0),
        (What::Claim, When::After, 0),
        (What::Groundwork, When::Before, 0),
        (What::Begin, When::Before, 0),
        (What::Append, When::Before, 1),
        (What::Delta, When::Before, 0),
        (What::Delta, When::Before, 6),
        (What::Delta, When::Before, 10),
        (What::Reply, When::Before, 0),
        (What::Reply, When::After, 0),
        (What::Tool, When::Before, 0),
        (What::Tool, When::After, 1),
        (What::Result, When::Before, 0),
        (What::Result, When::After, 0),
        (What::Result, When::After, 1),
        (What::End, When::Before, 0),
    ];
    side_by_side(spots.into_iter().map(async |(what, when, skip)| {
        let world = World::new().await;
        let executor = Process::start(&world, "A", super::patient()).is_up().await;
        let gate = executor.faults.hold_later(what, when, skip);
        let turn = world.ask(Script::calls(&[&["once", "pure"]])).await;
        let readers = Readers::of(&world, &turn);
        gate.arrived().await;
        let cancelling = {
            let (world, turn) = (Arc::clone(&world), turn.clone());
            world
                .api
                .tasks
                .clone()
                .spawn(async move { world.api.cancel(&turn).await })
        };
        world
            .until("the mark is there", async || {
                let row = world.row(&turn).await;
                (row.cancel_requested || row.status.is_terminal()).then_some(())
            })
            .await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        gate.open();

        let cancelled = cancelling.await.unwrap().unwrap().unwrap();

        let status = cancelled.status.unwrap();
        // An end on its way is not torn apart.
        let expected = if what == What::End {
            TurnStatus::Completed
        } else {
            TurnStatus::Cancelled
        };
        assert_eq!(status, expected, "{what:?} {when:?} {skip}");
        assert_ne!(
            cancelled.reason,
            Some(CancelReason::Forced),
            "{what:?} {when:?} {skip}"
        );
        assert_eq!(world.row(&turn).await.status, status);
        if (what, when) == (What::Tool, When::Before) {
            assert!(was_stopped(&world, &turn).await);
        }
        world.log.note("", format!("{what:?} {when:?} {skip}"));
        approve(&world, readers).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_after_the_end_changes_nothing() {
    let world = World::new().await;
    let _executor = healthy(&world).await;
    let turn = world.ask(Script::says(3)).await;
    let ended = world.ended(&turn).await;

    let cancelled = world.api.cancel(&turn).await.unwrap().unwrap();
    let all = world
        .api
        .cancel_session(turn.session_id)
        .await
        .unwrap()
        .unwrap();

    assert_eq!(cancelled.reason, Some(CancelReason::NoActiveSession));
    assert_eq!(
        (all.reason, all.turn_id),
        (Some(CancelReason::NoActiveSession), None)
    );
    assert_eq!(world.row(&turn).await.status, ended.status);
    approve(&world, Readers::of(&world, &turn)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_of_a_dead_executor_is_cancelled_without_another() {
    // In the text, and in the tool phase.
    let spots = [
        (What::Append, When::After, 4),
        (What::Tool, When::After, 0),
        (What::Result, When::After, 0),
    ];
    side_by_side(spots.into_iter().map(async |(what, when, skip)| {
        let world = World::new().await;
        let executor = Process::start(&world, "A", Settings::default())
            .is_up()
            .await;
        let gate = executor.faults.hold_later(what, when, skip);
        let turn = world.ask(Script::calls(&[&["once", "pure"]])).await;
        let readers = Readers::of(&world, &turn);
        gate.arrived().await;
        executor.crash(&world).await;
        world.unheld(&turn).await;

        let cancelled = world.api.cancel(&turn).await.unwrap().unwrap();

        assert_eq!(cancelled.status, Some(TurnStatus::Cancelled));
        let _other = healthy(&world).await;
        world.log.note("", format!("{what:?} {when:?} {skip}"));
        approve(&world, readers).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_that_does_not_answer_is_forced() {
    let world = World::new().await;
    let executor = Process::start(&world, "A", super::patient()).is_up().await;
    let gate = executor.faults.freeze(What::Append, When::Before, 4);
    let turn = world.ask(Script::says(12)).await;
    let readers = Readers::of(&world, &turn);
    gate.arrived().await;

    let cancelled = world.api.cancel(&turn).await.unwrap().unwrap();

    assert_eq!(cancelled.reason, Some(CancelReason::Forced));
    assert_eq!(cancelled.status, Some(TurnStatus::Cancelled));
    gate.open();
    world
        .until("the zombie is fenced", async || {
            world.log.has(&[" A ", "Fenced"]).then_some(())
        })
        .await;
    let _other = healthy(&world).await;
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupting_message_cancels_what_is_before_it() {
    let world = World::new().await;
    let _executor = healthy(&world).await;
    let session = world.session().await;
    let first = world
        .ask_in(session, Script::says(9).with_flaw(0, Flaw::Hangs))
        .await;
    let second = world.ask_in(session, Script::says(2)).await;
    world
        .until("the first runs", async || {
            world.row(&first).await.started_at
        })
        .await;
    let third = world
        .accept(session, Script::says(4), OnBusy::Interrupt)
        .await;
    let readers = Readers::of(&world, &third);

    // The api stops what the acceptance has marked.
    world.api.cancel(&second).await.unwrap();
    world.api.cancel(&first).await.unwrap();

    world.all_ended().await.unwrap();
    assert_eq!(world.row(&first).await.status, TurnStatus::Cancelled);
    assert_eq!(world.row(&second).await.status, TurnStatus::Cancelled);
    assert_eq!(world.row(&third).await.status, TurnStatus::Completed);
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_that_no_message_brought_is_found() {
    // The notice is lost: nobody publishes it.
    let world = World::new().await;
    let settings = Settings {
        lease: Lease::Process,
        ..Settings::default()
    };
    let _executor = Process::start(&world, "A", settings).is_up().await;
    let turn = world.ask(Script::says(9).with_flaw(0, Flaw::Hangs)).await;
    let readers = Readers::of(&world, &turn);
    world
        .until("it runs", async || world.row(&turn).await.started_at)
        .await;

    let store = &world.store;
    copilot_core::port::store::TurnIntake::request_cancel(
        &**store,
        &world.owner,
        turn.session_id,
        Some(turn.id),
    )
    .await
    .unwrap();

    assert_eq!(world.ended(&turn).await.status, TurnStatus::Cancelled);
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_dies_while_it_ends_a_turn_leaves_it_to_the_look() {
    // The attempt is raised, and nothing comes after it.
    let spots = [
        (What::Raise, When::After),
        (What::Begin, When::After),
        (What::End, When::Before),
    ];
    side_by_side(spots.into_iter().map(async |(what, when)| {
        let world = World::new().await;
        let turn = world.ask(Script::says(5)).await;
        let readers = Readers::of(&world, &turn);
        let gate = world.api.faults.hold(what, when);
        let cancelling = {
            let (world, turn) = (Arc::clone(&world), turn.clone());
            world
                .api
                .tasks
                .clone()
                .spawn(async move { world.api.cancel(&turn).await })
        };
        gate.arrived().await;
        cancelling.abort();
        let _executor = healthy(&world).await;

        assert_eq!(world.ended(&turn).await.status, TurnStatus::Cancelled);
        world.log.note("", format!("{what:?} {when:?}"));
        approve(&world, readers).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_end_a_turn_at_the_same_time_end_it_once() {
    // The api stops in the middle; the look of an executor comes between.
    let spots = [
        (What::Raise, When::After),
        (What::Begin, When::After),
        (What::Read, When::After),
        (What::End, When::Before),
    ];
    side_by_side(spots.into_iter().map(async |(what, when)| {
        let world = World::new().await;
        let first = Process::start(&world, "A", Settings::default())
            .is_up()
            .await;
        let gate = first.faults.hold_later(What::Delta, When::Before, 6);
        let turn = world.ask(Script::says(12)).await;
        gate.arrived().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        first.crash(&world).await;
        world.unheld(&turn).await;
        let halfway = world.api.faults.hold(what, when);
        let cancelling = {
            let (world, turn) = (Arc::clone(&world), turn.clone());
            world
                .api
                .tasks
                .clone()
                .spawn(async move { world.api.cancel(&turn).await })
        };
        halfway.arrived().await;
        let _second = healthy(&world).await;
        world.ended(&turn).await;
        halfway.open();

        let cancelled = cancelling.await.unwrap().unwrap().unwrap();

        assert_eq!(
            cancelled.status,
            Some(TurnStatus::Cancelled),
            "{what:?} {when:?}"
        );
        world.log.note("", format!("{what:?} {when:?}"));
        approve(&world, Readers::of(&world, &turn)).await;
    }))
    .await;
}
