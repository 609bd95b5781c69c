//! The database does what it is asked, and the answer never arrives.

use super::{Readers, approve, healthy, patient, side_by_side};
use crate::{
    book::Script,
    faults::What,
    process::{Process, Settings},
    world::World,
};
use copilot_core::{port::store::Lease, turn::TurnStatus};
use std::time::Duration;

/// One executor; the answers of the first `times` calls of `what` are lost.
async fn lost(what: What, times: u32) -> (TurnStatus, u32) {
    let world = World::new().await;
    let executor = Process::start(&world, "A", patient()).is_up().await;
    let gate = executor.faults.lose_answers(what, times);
    let turn = world
        .ask(Script::calls(&[&["once", "pure"], &["idempotent"]]))
        .await;
    let readers = Readers::of(&world, &turn);

    let ended = world.ended(&turn).await;

    world.log.note("", format!("{what:?} × {times}"));
    approve(&world, readers).await;
    assert!(gate.has_arrived(), "{what:?}");
    (ended.status, ended.attempt)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_durable_point_whose_answer_is_lost_is_stored_once_and_costs_no_attempt() {
    let losses = [What::Reply, What::Result, What::End]
        .into_iter()
        .flat_map(|what| [(what, 1), (what, 3)]);
    let ends = side_by_side(losses.into_iter().map(|(what, times)| lost(what, times))).await;
    assert_eq!(ends, vec![(TurnStatus::Completed, 1); 6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_whose_answers_are_lost_is_mended() {
    let losses = [
        (What::Begin, 1),
        (What::Append, 1),
        (What::Append, 4),
        (What::Finish, 1),
    ];
    let ends = side_by_side(losses.into_iter().map(|(what, times)| lost(what, times))).await;
    assert_eq!(ends, vec![(TurnStatus::Completed, 1); 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_answer_is_lost_is_handed_back_and_runs() {
    let ends = side_by_side([lost(What::Claim, 1), lost(What::Claim, 2)]).await;
    assert_eq!(
        ends,
        [(TurnStatus::Completed, 2), (TurnStatus::Completed, 3)]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_else_is_lost_only_takes_time() {
    let losses = [
        What::Heartbeat,
        What::Groundwork,
        What::NextWaiting,
        What::StreamsFinished,
        What::Look,
    ];
    let ends = side_by_side(losses.into_iter().map(|what| async move {
        let world = World::new().await;
        let executor = Process::start(&world, "A", Settings::default())
            .is_up()
            .await;
        let _gate = executor.faults.lose_answers(what, 2);
        let session = world.session().await;
        // Nobody is told of the first one: the look must find it.
        let first = world
            .accept(
                session,
                Script::calls(&[&["pure"]]),
                copilot_core::turn::OnBusy::Queue,
            )
            .await;
        let second = world
            .accept(session, Script::says(3), copilot_core::turn::OnBusy::Queue)
            .await;
        let readers = Readers::of(&world, &first);
        let ends = [
            world.ended(&first).await.status,
            world.ended(&second).await.status,
        ];
        approve(&world, readers).await;
        ends
    }))
    .await;
    assert_eq!(ends, vec![[TurnStatus::Completed; 2]; 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_whose_answer_is_lost_while_the_lease_is_read_is_an_end() {
    // The heartbeat sees that the turn is not its executor's any more, before its task knows.
    let world = World::new().await;
    let executor = Process::start(&world, "A", patient()).is_up().await;
    executor.faults.lose_answers(What::End, 4);
    let session = world.session().await;
    let turn = world.ask_in(session, Script::says(5)).await;
    let next = world.ask_in(session, Script::says(2)).await;

    assert_eq!(world.ended(&turn).await.status, TurnStatus::Completed);
    assert_eq!(world.ended(&next).await.status, TurnStatus::Completed);
    let readers = Readers::of(&world, &turn);
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unread_stream_is_ended_although_the_answer_to_the_end_was_lost() {
    let world = World::new().await;
    let executor = Process::start(&world, "A", patient()).is_up().await;
    executor.faults.lose_answers(What::End, 4);
    let turn = world.ask(Script::says(5)).await;
    assert_eq!(world.ended(&turn).await.status, TurnStatus::Completed);
    // Nobody ever reads it.
    world
        .until("owner and stream are cleared", async || {
            (world.row(&turn).await.owner.is_none() && world.streams.open() == 0).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_while_a_reply_is_in_doubt_leaves_no_half_of_it() {
    // The reply is stored, its answer lost; then the database is away for longer than the lease,
    // and the turn is cancelled meanwhile. When the database is back, the end must not build on
    // a reply that this attempt takes for lost.
    let world = World::new().await;
    let settings = Settings {
        lease: Lease::For(Duration::from_millis(300)),
        ..Settings::default()
    };
    let executor = Process::start(&world, "A", settings).is_up().await;
    let stored = executor
        .faults
        .hold(What::Reply, crate::faults::When::After);
    let turn = world.ask(Script::calls(&[&["once"]])).await;
    let readers = Readers::of(&world, &turn);
    stored.arrived().await;
    let cancelling = {
        let (world, turn) = (std::sync::Arc::clone(&world), turn.clone());
        world
            .api
            .tasks
            .clone()
            .spawn(async move { world.api.cancel(&turn).await })
    };
    world
        .until("the mark is there", async || {
            world.row(&turn).await.cancel_requested.then_some(())
        })
        .await;
    // The cancel bus has told it by now, or will while it waits.
    tokio::time::sleep(Duration::from_millis(20)).await;
    executor.faults.refuse(What::Register, 8);
    executor.faults.refuse(What::Heartbeat, 20);
    tokio::time::sleep(Duration::from_millis(350)).await;
    stored.open_without_answer();

    cancelling.await.unwrap().unwrap();

    let _other = healthy(&world).await;
    approve(&world, readers).await;
}
