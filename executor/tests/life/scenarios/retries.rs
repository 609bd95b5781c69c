//! A step that was shown dies, and its readers are told.

use super::{Readers, approve, healthy, patient};
use crate::{
    book::{Flaw, Script},
    checker,
    faults::{What, When},
    process::{Process, Settings},
    reader::read,
    world::World,
};
use copilot_core::turn::TurnStatus;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_saw_the_step_begin_is_told_and_who_did_not_is_spared() {
    let world = World::new().await;
    let first = Process::start(&world, "A", Settings::default())
        .is_up()
        .await;
    let gate = first.faults.hold_later(What::Delta, When::Before, 6);
    let turn = world.ask(Script::says(12)).await;
    let early = read(&world, &turn, Duration::ZERO, Vec::new());
    gate.arrived().await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    first.crash(&world).await;
    let _second = healthy(&world).await;
    world.ended(&turn).await;
    let late = read(&world, &turn, Duration::ZERO, Vec::new());

    let (early, late) = (early.await.unwrap().unwrap(), late.await.unwrap().unwrap());

    assert_eq!((early.retries, late.retries), (1, 0));
    checker::approve(&world, vec![(turn.clone(), early), (turn, late)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_retries_in_a_row_are_two_and_the_answer_is_the_last() {
    let world = World::new().await;
    let _executor = Process::start(&world, "A", patient()).is_up().await;
    let turn = world
        .ask(Script::calls(&[&["pure"]]).with_flaw(1, Flaw::Panics(2)))
        .await;
    let readers = Readers::of(&world, &turn);

    let ended = world.ended(&turn).await;

    assert_eq!((ended.status, ended.attempt), (TurnStatus::Completed, 3));
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_names_its_calls_alike_again_confuses_nobody() {
    // The dead step's call was shown; the new attempt's call has another id.
    let world = World::new().await;
    world.book.same_ids.store(true, Ordering::Relaxed);
    let first = Process::start(&world, "A", Settings::default())
        .is_up()
        .await;
    let gate = first.faults.hold(What::Reply, When::Before);
    let turn = world.ask(Script::calls(&[&["pure"], &["pure"]])).await;
    let readers = Readers::of(&world, &turn);
    gate.arrived().await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    first.crash(&world).await;
    let _second = healthy(&world).await;

    assert_eq!(world.ended(&turn).await.status, TurnStatus::Completed);
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_durable_of_a_void_step_is_shown_again_after_the_mark() {
    // The stream loses shown entries just before a force: the mark's P lies inside a step.
    let world = World::new().await;
    let executor = Process::start(&world, "A", Settings::default())
        .is_up()
        .await;
    let gate = executor.faults.hold_later(What::Delta, When::Before, 11);
    let turn = world.ask(Script::says(14)).await;
    let seen = read(&world, &turn, Duration::ZERO, Vec::new());
    gate.arrived().await;
    executor.crash(&world).await;
    world.unheld(&turn).await;
    world.api.streams.missing.store(3, Ordering::Relaxed);
    world.api.cancel(&turn).await.unwrap().unwrap();
    world.api.streams.missing.store(0, Ordering::Relaxed);

    let _other = healthy(&world).await;
    let read = seen
        .await
        .unwrap()
        .unwrap_or_else(|problem| panic!("{problem}\n{}", world.log.text()));
    checker::approve(&world, vec![(turn, read)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_while_the_look_takes_a_turn_over_ends_it_once() {
    let world = World::new().await;
    let first = Process::start(&world, "A", Settings::default())
        .is_up()
        .await;
    let gate = first.faults.hold_later(What::Delta, When::Before, 4);
    let turn = world.ask(Script::says(9)).await;
    let readers = Readers::of(&world, &turn);
    gate.arrived().await;
    first.crash(&world).await;
    world.unheld(&turn).await;
    // The canceller has raised the attempt; before it goes on, another executor has claimed.
    let raised = world.api.faults.hold(What::Raise, When::After);
    let cancelling = {
        let (world, turn) = (Arc::clone(&world), turn.clone());
        world
            .api
            .tasks
            .clone()
            .spawn(async move { world.api.cancel(&turn).await })
    };
    raised.arrived().await;
    let second = Process::start(&world, "B", patient()).is_up().await;
    world
        .until("it is ended by the other", async || {
            world.row(&turn).await.status.is_terminal().then_some(())
        })
        .await;
    raised.open();

    let cancelled = cancelling.await.unwrap().unwrap().unwrap();

    assert_eq!(cancelled.status, Some(TurnStatus::Cancelled));
    approve(&world, readers).await;
    drop(second);
}
