//! The streams lose entries that readers have seen already: a replica that lags takes over.

use super::{Readers, approve, healthy, side_by_side};
use crate::{
    book::{Script, Step},
    checker,
    faults::{What, When},
    process::{Process, Settings},
    reader::{Back, Cut, read},
    world::World,
};
use copilot_core::{
    event::{Entry, Event},
    port::stream::TurnStreams,
    position::Position,
    service::reading::Shown,
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "fails: the cursor of a mark is given before what is shown again after it"]
async fn what_is_shown_again_after_a_mark_survives_a_cut_in_its_middle() {
    // Shown entries are lost just before a force, so that the mark's P lies inside a step; and
    // the client is cut after so many things, all the time: also between the mark and the last
    // of what is shown again.
    side_by_side((1..14_u8).map(async |items| {
        let world = World::new().await;
        let executor = Process::start(&world, "A", Settings::default())
            .is_up()
            .await;
        let gate = executor.faults.hold_later(What::Delta, When::Before, 11);
        let turn = world.ask(Script::says(14)).await;
        gate.arrived().await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        executor.crash(&world).await;
        let cut = Cut {
            items,
            millis: 250,
            back: Back::SamePage,
        };
        let cut_off = read(&world, &turn, Duration::ZERO, vec![cut; 60]);
        world.unheld(&turn).await;
        world.api.streams.missing.store(3, Ordering::Relaxed);
        world.api.cancel(&turn).await.unwrap().unwrap();
        world.api.streams.missing.store(0, Ordering::Relaxed);

        let _other = healthy(&world).await;
        let read = cut_off
            .await
            .unwrap()
            .unwrap_or_else(|problem| panic!("{problem}\n{}", world.log.text()));
        checker::approve(&world, vec![(turn, read)]).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "fails: blocks are closed that the client may have closed already"]
async fn what_a_client_saw_and_the_stream_has_lost_is_not_closed_by_guess() {
    // A client comes back with a cursor beyond what the stream still has: it has closed its
    // thinking and is in the text, but what is left says that the thinking is open.
    let world = World::new().await;
    let first = Process::start(&world, "A", Settings::default())
        .is_up()
        .await;
    let gate = first.faults.hold_later(What::Delta, When::Before, 6);
    let script = Script::new([Step {
        thinking: 3,
        words: 9,
        ..Step::default()
    }]);
    let turn = world.ask(script).await;
    gate.arrived().await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    let stream = world.streams.read(turn.key(), Position::ZERO).await;
    let stream = stream.unwrap().unwrap();
    let cursor = stream.last().unwrap().position;
    let is_end = |entry: &Arc<Entry>| matches!(entry.event, Event::ReasoningEnd { .. });
    let lost = stream.iter().rev().position(is_end).unwrap() + 1;
    world.api.streams.missing.store(lost, Ordering::Relaxed);
    let row = world.row(&turn).await;
    let mut reader = world.api.reading.open(&row, cursor).await.unwrap();
    // It reads what there is, and waits.
    let waiting = tokio::time::timeout(Duration::from_millis(50), reader.next()).await;
    assert!(waiting.is_err(), "{waiting:?}");
    world.api.streams.missing.store(0, Ordering::Relaxed);
    first.crash(&world).await;
    let _second = healthy(&world).await;

    let closing = 'mark: loop {
        for shown in reader.next().await {
            if let Shown::Retry { closing, .. } = shown {
                break 'mark closing;
            }
        }
    };

    let guessed = |event: &Event| matches!(event, Event::ReasoningEnd { .. });
    assert!(!closing.iter().any(guessed), "{closing:?}");
    drop(reader);
    world.ended(&turn).await;
    let readers = Readers::of(&world, &turn);
    approve(&world, readers).await;
}
