//! A session is deleted while its turns live.

use super::{healthy, side_by_side};
use crate::{
    book::Script,
    checker,
    faults::{What, When},
    process::Process,
    reader::{Back, Cut, read},
    world::World,
};
use copilot_core::{port::stream::TurnStreams, turn::Turn};
use std::{sync::Arc, time::Duration};

/// Readers get a proper end, or are told that there is no such turn.
async fn readers_end(
    world: &Arc<World>,
    turn: &Turn,
    readers: Vec<crate::scenarios::JoinHandle<Result<crate::reader::Read, String>>>,
) {
    for reader in readers {
        let read = reader
            .await
            .unwrap()
            .unwrap_or_else(|problem| panic!("{problem}\n{}", world.log.text()));
        if let Some([v5, v7]) = read.folded {
            let aborted = v5.end.aborted && v7.end.aborted;
            assert!(
                aborted || world.log.has(&["End", "Completed Done"]),
                "{}",
                world.log.name_of(turn.id)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_session_ends_its_readers_and_nothing_of_it_comes_back() {
    let spots = [
        (What::Claim, When::Before, 0),
        (What::Claim, When::After, 0),
        (What::Begin, When::Before, 0),
        (What::Append, When::Before, 3),
        (What::Delta, When::Before, 6),
        (What::Reply, When::Before, 0),
        (What::Tool, When::Before, 0),
        (What::Result, When::Before, 0),
        (What::End, When::Before, 0),
        (What::Finish, When::Before, 0),
    ];
    side_by_side(spots.into_iter().map(async |(what, when, skip)| {
        let world = World::new().await;
        let executor = Process::start(&world, "A", super::patient()).is_up().await;
        let gate = executor.faults.hold_later(what, when, skip);
        let session = world.session().await;
        let turn = world.ask_in(session, Script::calls(&[&["once"]])).await;
        let waiting = world.ask_in(session, Script::says(3)).await;
        let cut = Cut {
            items: 3,
            millis: 90,
            back: Back::SamePage,
        };
        let running = vec![
            read(&world, &turn, Duration::ZERO, Vec::new()),
            read(&world, &turn, Duration::ZERO, vec![cut; 3]),
        ];
        let queued = vec![read(&world, &waiting, Duration::ZERO, Vec::new())];
        gate.arrived().await;

        assert_eq!(world.api.delete(session).await.unwrap(), Some(()));
        gate.open();

        assert!(world.find(&turn).await.is_none());
        assert_eq!(world.api.delete(session).await.unwrap(), None);
        world.log.note("", format!("{what:?} {when:?} {skip}"));
        readers_end(&world, &turn, running).await;
        readers_end(&world, &waiting, queued).await;
        // The executor is free again: another session's turn runs.
        let other = world.ask(Script::says(2)).await;
        world.ended(&other).await;
        checker::approve(&world, Vec::new()).await;
        let status = world.streams.status(turn.key()).await.unwrap();
        assert!(
            status.is_none_or(|status| status.ended),
            "{what:?}: {status:?}"
        );
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_session_stays_away_although_its_executor_was_dead() {
    let world = World::new().await;
    let executor = Process::start(&world, "A", crate::process::Settings::default())
        .is_up()
        .await;
    let gate = executor.faults.hold_later(What::Delta, When::Before, 6);
    let turn = world.ask(Script::says(9)).await;
    let readers = vec![read(&world, &turn, Duration::ZERO, Vec::new())];
    gate.arrived().await;
    executor.crash(&world).await;

    world.api.delete(turn.session_id).await.unwrap().unwrap();

    let _other = healthy(&world).await;
    let next = world.ask(Script::says(2)).await;
    world.ended(&next).await;
    readers_end(&world, &turn, readers).await;
    assert!(world.find(&turn).await.is_none());
    checker::approve(&world, Vec::new()).await;
}
