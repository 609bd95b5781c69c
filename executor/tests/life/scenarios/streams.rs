//! The live streams forget, or are away. They are only a copy.

use super::{Readers, approve, patient, side_by_side};
use crate::{
    book::Script,
    faults::{What, When},
    process::{Process, Settings},
    world::World,
};
use copilot_core::{
    event::{Entry, Event, merged},
    outline::living,
    port::{store::TurnRecords, stream::TurnStreams},
    position::Position,
    service::reading::Shown,
    turn::{Turn, TurnStatus},
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// The stream, which somebody still follows, is the record, entry for entry.
async fn stream_is_whole(world: &World, turn: &Turn, what: &str) {
    let stream = world
        .until("the stream has ended", async || {
            let ended = world
                .streams
                .status(turn.key())
                .await
                .unwrap()
                .is_some_and(|status| status.ended);
            if ended {
                world
                    .streams
                    .read(turn.key(), Position::ZERO)
                    .await
                    .unwrap()
            } else {
                None
            }
        })
        .await;
    let recorded = world.store.recorded(turn.key()).await.unwrap().unwrap();
    let plain = |entries: Vec<Entry>| {
        let unmarked = entries
            .into_iter()
            .filter(|entry| !matches!(entry.event, Event::Reset { .. }));
        merged(unmarked)
            .into_iter()
            .map(|entry| (entry.position, entry.event))
            .collect::<Vec<_>>()
    };
    let stream: Vec<Entry> = living(&stream)
        .iter()
        .map(|entry| Entry::clone(entry))
        .collect();
    assert_eq!(
        plain(stream),
        plain(recorded.parts),
        "{what}\n{}",
        world.log.text()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_forget_everything_are_written_again() {
    let spots = [
        (What::Begin, When::After, 0),
        (What::Append, When::Before, 1),
        (What::Append, When::After, 4),
        (What::Delta, When::Before, 5),
        (What::Reply, When::Before, 0),
        (What::Reply, When::After, 0),
        (What::Tool, When::Before, 0),
        (What::Result, When::After, 0),
        (What::Delta, When::Before, 21),
        (What::End, When::Before, 0),
        (What::End, When::After, 0),
        (What::Finish, When::Before, 0),
    ];
    side_by_side(spots.into_iter().map(async |(what, when, skip)| {
        let world = World::new().await;
        let executor = Process::start(&world, "A", patient()).is_up().await;
        let gate = executor.faults.hold_later(what, when, skip);
        let turn = world.ask(Script::calls(&[&["once", "pure"]])).await;
        let follower = world.streams.follow(turn.key()).await.unwrap();
        let readers = Readers::of(&world, &turn);
        gate.arrived().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        world.streams.forget_all();
        gate.open();

        let ended = world.ended(&turn).await;

        let spot = format!("{what:?} {when:?} {skip}");
        assert_eq!(
            (ended.status, ended.attempt),
            (TurnStatus::Completed, 1),
            "{spot}"
        );
        world.log.note("", &spot);
        stream_is_whole(&world, &turn, &spot).await;
        drop(follower);
        approve(&world, readers).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_goes_on_while_the_streams_are_away() {
    let spots = [
        (What::Begin, When::Before, 0),
        (What::Begin, When::After, 0),
        (What::Append, When::Before, 2),
        (What::Delta, When::Before, 8),
        (What::Reply, When::After, 0),
        (What::Tool, When::Before, 0),
    ];
    side_by_side(spots.into_iter().map(async |(what, when, skip)| {
        let world = World::new().await;
        let executor = Process::start(&world, "A", patient()).is_up().await;
        let gate = executor.faults.hold_later(what, when, skip);
        let turn = world.ask(Script::calls(&[&["once"], &["pure"]])).await;
        let follower = world.streams.follow(turn.key()).await.unwrap();
        let readers = Readers::of(&world, &turn);
        gate.arrived().await;
        executor.faults.set_streams_away(true);
        world.api.faults.set_streams_away(true);
        let second_reply = executor.faults.hold_later(What::Delta, When::Before, 20);
        gate.open();
        second_reply.arrived().await;
        // A reply and its result became durable meanwhile.
        executor.faults.set_streams_away(false);
        world.api.faults.set_streams_away(false);
        second_reply.open();

        let ended = world.ended(&turn).await;

        let spot = format!("{what:?} {when:?} {skip}");
        assert_eq!(
            (ended.status, ended.attempt),
            (TurnStatus::Completed, 1),
            "{spot}"
        );
        world.log.note("", &spot);
        stream_is_whole(&world, &turn, &spot).await;
        drop(follower);
        approve(&world, readers).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_begin_does_not_leave_a_hole() {
    // While the first begin is under way, a reply becomes durable.
    let world = World::new().await;
    let executor = Process::start(&world, "A", patient()).is_up().await;
    let begin = executor.faults.hold(What::Begin, When::After);
    let later = executor.faults.hold_later(What::Delta, When::Before, 22);
    let turn = world.ask(Script::calls(&[&["once"]])).await;
    let follower = world.streams.follow(turn.key()).await.unwrap();
    let readers = Readers::of(&world, &turn);
    begin.arrived().await;
    later.arrived().await;
    begin.open();
    tokio::time::sleep(Duration::from_millis(20)).await;
    later.open();

    world.ended(&turn).await;

    stream_is_whole(&world, &turn, "slow begin").await;
    drop(follower);
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_ends_without_its_stream_and_its_readers_get_the_end() {
    let world = World::new().await;
    let executor = Process::start(&world, "A", Settings::default())
        .is_up()
        .await;
    executor.faults.set_streams_away(true);
    let turn = world.ask(Script::calls(&[&["once"]])).await;
    let readers = Readers::of(&world, &turn);

    assert_eq!(world.ended(&turn).await.status, TurnStatus::Completed);
    let read = readers.done().await.unwrap();

    executor.faults.set_streams_away(false);
    crate::checker::approve(&world, read).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_and_an_emptied_stream_together_lose_nothing() {
    let spots = [
        (What::Append, When::After, 3),
        (What::Delta, When::Before, 9),
        (What::Reply, When::After, 0),
        (What::Result, When::After, 0),
        (What::End, When::After, 0),
    ];
    side_by_side(spots.into_iter().map(async |(what, when, skip)| {
        let world = World::new().await;
        let first = Process::start(&world, "A", Settings::default())
            .is_up()
            .await;
        let gate = first.faults.hold_later(what, when, skip);
        let turn = world.ask(Script::calls(&[&["once"]])).await;
        let readers = Readers::of(&world, &turn);
        gate.arrived().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        first.crash(&world).await;
        world.streams.forget_all();
        let _second = super::healthy(&world).await;

        assert_eq!(world.ended(&turn).await.status, TurnStatus::Completed);
        world.log.note("", format!("{what:?} {when:?} {skip}"));
        approve(&world, readers).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zombie_that_fills_an_emptied_stream_fools_nobody() {
    // S2 of the model: asked "still mine?", taken over, emptied, then written by the zombie.
    let world = World::new().await;
    let zombie = Process::start(&world, "A", Settings::default())
        .is_up()
        .await;
    let gate = zombie.faults.freeze(What::Append, When::Before, 5);
    let turn = world.ask(Script::says(20)).await;
    let readers = Readers::of(&world, &turn);
    gate.arrived().await;
    let second = Process::start(&world, "B", Settings::default());
    let writing = second.faults.hold_later(What::Append, When::Before, 4);
    writing.arrived().await;
    world.streams.forget_all();
    gate.open();
    tokio::time::sleep(Duration::from_millis(50)).await;
    writing.open();

    assert_eq!(world.ended(&turn).await.status, TurnStatus::Completed);
    approve(&world, readers).await;
    drop(Arc::clone(&world));
    drop((zombie, second));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_appended_before_an_outage_is_saved_once() {
    // The streams are away in the middle of a text, and back before its end; then the executor
    // dies, and what is saved of the answer comes from the stream.
    let world = World::new().await;
    let executor = Process::start(&world, "A", Settings::default())
        .is_up()
        .await;
    let away = executor.faults.hold_later(What::Delta, When::Before, 5);
    let back = executor.faults.hold_later(What::Delta, When::Before, 8);
    let turn = world.ask(Script::says(20)).await;
    let readers = Readers::of(&world, &turn);
    away.arrived().await;
    executor.faults.set_streams_away(true);
    away.open();
    back.arrived().await;
    executor.faults.set_streams_away(false);
    let killed = executor.faults.hold_later(What::Delta, When::Before, 6);
    back.open();
    killed.arrived().await;
    world
        .until("the stream is begun again", async || {
            world.log.has(&["former: Some(1)"]).then_some(())
        })
        .await;
    executor.crash(&world).await;
    world.unheld(&turn).await;

    world.api.cancel(&turn).await.unwrap().unwrap();

    let _other = super::healthy(&world).await;
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_came_before_the_claim_gets_what_is_saved_when_the_stream_is_gone() {
    // The reader waits since before there was a stream. All is appended, then lost, and nothing
    // more comes: a tool takes its time.
    let world = World::new().await;
    let turn = world.ask(Script::calls(&[&["once"]])).await;
    let mut reader = world
        .api
        .reading
        .open(&world.row(&turn).await, Position::ZERO)
        .await
        .unwrap();
    reader.next().await;
    let executor = Process::start(&world, "A", patient()).is_up().await;
    let tool = executor.faults.hold(What::Tool, When::Before);
    tool.arrived().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.streams.forget_all();

    let seen = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            let shown = reader.next().await;
            let called = |shown: &Shown| matches!(shown, Shown::Entry(entry) if matches!(entry.event, Event::ToolInputAvailable { .. }));
            if shown.iter().any(called) {
                return;
            }
        }
    });
    let seen = seen.await.is_ok();

    tool.open();
    drop(reader);
    world.ended(&turn).await;
    let readers = Readers::of(&world, &turn);
    approve(&world, readers).await;
    assert!(
        seen,
        "the call is saved, and was not shown while the tool ran"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unread_stream_that_was_away_at_the_end_gets_its_end_later() {
    let world = World::new().await;
    let executor = Process::start(&world, "A", patient()).is_up().await;
    let end = executor.faults.hold(What::Finish, When::Before);
    let turn = world.ask(Script::says(5)).await;
    end.arrived().await;
    executor.faults.set_streams_away(true);
    end.open();
    // Longer than the end of a stream is tried at once.
    tokio::time::sleep(Duration::from_secs(6)).await;
    executor.faults.set_streams_away(false);

    world
        .until("owner and stream are cleared", async || {
            let is_cleared = world.row(&turn).await.owner.is_none() && world.streams.open() == 0;
            is_cleared.then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_feed_brings_is_found_by_the_word_of_the_live_copy_and_read_once() {
    let world = World::new().await;
    let executor = Process::start(&world, "A", patient()).is_up().await;
    let streams = Arc::clone(&world.api.streams);
    streams.deaf.store(true, Ordering::Relaxed);
    let held = executor.faults.hold_later(What::Delta, When::Before, 5);
    let turn = world.ask(Script::says(20)).await;
    let mut reader = world.api.reading.open(&turn, Position::ZERO).await.unwrap();
    held.arrived().await;

    let stands = world
        .until("the shown deltas are in the stream", async || {
            let entries = world
                .streams
                .read(turn.key(), Position::ZERO)
                .await
                .unwrap();
            let last = entries?.last().cloned()?;
            last.event.delta().map(|_| last.position)
        })
        .await;
    let mut at = Position::ZERO;
    while at < stands {
        let shown = tokio::time::timeout(Duration::from_secs(10), reader.next()).await;
        let last = shown
            .expect("entries in time")
            .into_iter()
            .filter_map(|shown| match shown {
                Shown::Entry(entry) => Some(entry.position),
                _ => None,
            });
        at = last.last().unwrap_or(at);
    }

    let reads = streams.reads.load(Ordering::Relaxed);
    let asked = streams.asked.load(Ordering::Relaxed);
    tokio::select! {
        shown = reader.next() => panic!("the turn is held, but {shown:?} was shown"),
        () = world.until("it was asked twice more", async || {
            (streams.asked.load(Ordering::Relaxed) >= asked + 2).then_some(())
        }) => {}
    }
    assert_eq!(
        streams.reads.load(Ordering::Relaxed),
        reads,
        "a level stream is not read"
    );

    held.open();
    let mut is_finished = false;
    while !is_finished {
        let shown = tokio::time::timeout(Duration::from_secs(10), reader.next()).await;
        is_finished = shown.expect("the end in time").iter().any(|shown| {
            matches!(shown, Shown::Entry(entry) if matches!(entry.event, Event::Finish { .. }))
        });
    }
    drop(executor);
}
