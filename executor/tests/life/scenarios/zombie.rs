//! An executor stands still for longer than its lease, and wakes up when another has gone on.

use super::{Readers, approve, healthy, side_by_side};
use crate::{
    book::Script,
    faults::{What, When},
    process::{Process, Settings},
    world::World,
};
use copilot_core::turn::TurnStatus;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_that_wakes_up_too_late_writes_nothing() {
    let spots = [
        (What::Claim, When::After, 0),
        (What::Groundwork, When::After, 0),
        (What::Begin, When::Before, 0),
        (What::Append, When::Before, 1),
        (What::Append, When::Before, 5),
        (What::Delta, When::Before, 5),
        (What::Reply, When::Before, 0),
        (What::Reply, When::After, 0),
        (What::Tool, When::Before, 0),
        (What::Tool, When::After, 0),
        (What::Result, When::Before, 0),
        (What::Result, When::After, 0),
        (What::End, When::Before, 0),
    ];
    side_by_side(spots.into_iter().map(async |(what, when, skip)| {
        let world = World::new().await;
        let frozen = Process::start(&world, "A", Settings::default())
            .is_up()
            .await;
        let gate = frozen.faults.freeze(what, when, skip);
        let turn = world.ask(Script::calls(&[&["once", "pure"]])).await;
        let readers = Readers::of(&world, &turn);
        gate.arrived().await;

        let other = healthy(&world).await;
        let ended = world.ended(&turn).await;
        gate.open();

        assert_eq!(ended.status, TurnStatus::Completed, "{what:?} {when:?}");
        world
            .until("the zombie sees it", async || {
                world.log.has(&[" A Register"]).then_some(())
            })
            .await;
        // What it may still do, it does within a heartbeat.
        tokio::time::sleep(Duration::from_millis(120)).await;
        assert_eq!(world.row(&turn).await, world.row(&ended).await);
        world.log.note("", format!("{what:?} {when:?} {skip}"));
        approve(&world, readers).await;
        drop(other);
        drop(frozen);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zombie_and_its_successor_write_at_the_same_time_and_one_answer_is_left() {
    let spots = [
        (What::Append, When::Before, 2),
        (What::Delta, When::Before, 3),
        (What::Reply, When::Before, 0),
        (What::Tool, When::After, 0),
        (What::End, When::Before, 0),
    ];
    side_by_side(spots.into_iter().map(async |(what, when, skip)| {
        let world = World::new().await;
        let frozen = Process::start(&world, "A", Settings::default())
            .is_up()
            .await;
        let gate = frozen.faults.freeze(what, when, skip);
        let turn = world
            .ask(Script::calls(&[&["once"], &["pure"]]).with_pace(3))
            .await;
        let readers = Readers::of(&world, &turn);
        gate.arrived().await;
        let other = Process::start(&world, "B", Settings::default());
        let claimed = other.faults.hold_later(What::Delta, When::Before, 2);
        claimed.arrived().await;
        // Awake again in the middle of the successor's attempt.
        gate.open();
        tokio::time::sleep(Duration::from_millis(30)).await;
        claimed.open();

        let ended = world.ended(&turn).await;

        assert_eq!(
            (ended.status, ended.attempt),
            (TurnStatus::Completed, 2),
            "{what:?} {when:?}"
        );
        world.log.note("", format!("{what:?} {when:?} {skip}"));
        approve(&world, readers).await;
        drop(frozen);
    }))
    .await;
}
