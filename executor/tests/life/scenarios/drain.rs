//! An executor is asked to stop.

use super::{Readers, approve, patient, side_by_side};
use crate::{
    book::{Flaw, Script},
    faults::{What, When},
    process::{Process, Settings},
    world::World,
};
use copilot_core::turn::TurnStatus;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_may_end_and_what_waits_goes_to_another() {
    let world = World::new().await;
    let leaving = Process::start(&world, "A", patient()).is_up().await;
    let gate = leaving.faults.hold_later(What::Delta, When::Before, 3);
    let session = world.session().await;
    let running = world.ask_in(session, Script::calls(&[&["once"]])).await;
    gate.arrived().await;
    let waiting = world.ask_in(session, Script::says(4)).await;
    let readers = Readers::of(&world, &running);
    gate.open();
    leaving.drain(&world).await;

    let ended = world.row(&running).await;
    assert_eq!((ended.status, ended.attempt), (TurnStatus::Completed, 1));
    let _other = Process::start(&world, "B", patient()).is_up().await;
    assert_eq!(world.ended(&waiting).await.status, TurnStatus::Completed);
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_end_in_time_is_handed_over_at_once_and_loses_no_attempt() {
    let spots = [
        (What::Append, When::Before, 2),
        (What::Delta, When::Before, 4),
        (What::Reply, When::Before, 0),
        (What::Tool, When::Before, 0),
        (What::Tool, When::After, 0),
        (What::Result, When::Before, 0),
    ];
    side_by_side(spots.into_iter().map(async |(what, when, skip)| {
        let world = World::new().await;
        // Its lease would hold the turn for ten minutes.
        let settings = Settings {
            drain_timeout: Duration::from_millis(50),
            ..patient()
        };
        let leaving = Process::start(&world, "A", settings).is_up().await;
        let gate = leaving.faults.hold_later(what, when, skip);
        let turn = world.ask(Script::calls(&[&["once"], &["pure"]])).await;
        let readers = Readers::of(&world, &turn);
        gate.arrived().await;
        let other = Process::start(&world, "B", patient());
        let taken = other.faults.hold(What::Groundwork, When::Before);
        let other = other.is_up().await;
        let draining = world.api.tasks.spawn({
            let world = std::sync::Arc::clone(&world);
            async move { leaving.drain(&world).await }
        });
        if matches!(what, What::Append | What::Reply | What::Result) {
            // What is under way is awaited.
            tokio::time::sleep(Duration::from_millis(120)).await;
            gate.open();
        }
        draining.await.unwrap();

        taken.arrived().await;
        let row = world.row(&turn).await;
        assert_eq!(
            (row.attempt, row.lost_attempts),
            (2, 0),
            "{what:?} {when:?}"
        );
        taken.open();
        assert_eq!(
            world.ended(&turn).await.status,
            TurnStatus::Completed,
            "{what:?} {when:?}"
        );
        world.log.note("", format!("{what:?} {when:?} {skip}"));
        approve(&world, readers).await;
        drop(other);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_hurries_it_and_cancels_work_to_the_last() {
    let world = World::new().await;
    let leaving = Process::start(&world, "A", patient()).is_up().await;
    let hanging = world.ask(Script::says(8).with_flaw(0, Flaw::Hangs)).await;
    let other = world
        .ask(Script::calls(&[&["pure"]]).with_flaw(1, Flaw::Hangs))
        .await;
    for turn in [&hanging, &other] {
        world
            .until("it runs", async || world.row(turn).await.started_at)
            .await;
    }
    let readers = Readers::of(&world, &hanging);
    leaving.drain_in_a_hurry(&world).await;
    for turn in [&hanging, &other] {
        let row = world.row(turn).await;
        assert_eq!(
            (row.status, row.owner, row.lost_attempts),
            (TurnStatus::Running, None, 0)
        );
    }

    // Nobody holds them: they are cancelled without anyone's help.
    world.api.cancel(&hanging).await.unwrap().unwrap();
    world.api.cancel(&other).await.unwrap().unwrap();
    let _next = Process::start(&world, "B", patient()).is_up().await;
    assert_eq!(world.row(&hanging).await.status, TurnStatus::Cancelled);
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancels_work_during_a_drain() {
    let world = World::new().await;
    let leaving = Process::start(&world, "A", patient()).is_up().await;
    let turn = world.ask(Script::says(8).with_flaw(0, Flaw::Hangs)).await;
    let readers = Readers::of(&world, &turn);
    world
        .until("it runs", async || world.row(&turn).await.started_at)
        .await;
    let draining = world.api.tasks.spawn({
        let world = std::sync::Arc::clone(&world);
        async move { leaving.drain(&world).await }
    });

    let cancelled = world.api.cancel(&turn).await.unwrap().unwrap();

    assert_eq!(
        (cancelled.reason, cancelled.status),
        (None, Some(TurnStatus::Cancelled))
    );
    draining.await.unwrap();
    let _next = Process::start(&world, "B", patient()).is_up().await;
    approve(&world, readers).await;
}
