//! Turns that end badly end properly.

use super::{Readers, approve, patient, side_by_side};
use crate::{
    book::{Call, Flaw, Script, Step},
    faults::{What, When},
    process::{Process, Settings},
    world::World,
};
use copilot_core::turn::{ErrorCode, TurnStatus};
use std::time::Duration;

async fn ends(script: Script) -> (TurnStatus, Option<ErrorCode>, u32) {
    let world = World::new().await;
    let _executor = Process::start(&world, "A", patient()).is_up().await;
    let turn = world.ask(script).await;
    let readers = Readers::of(&world, &turn);
    let ended = world.ended(&turn).await;
    approve(&world, readers).await;
    (
        ended.status,
        ended.error.map(|error| error.code),
        ended.attempt,
    )
}

fn with_call(conduct: &'static str) -> Script {
    let calls = ["pure", "idempotent", "once"].map(|tool| Call {
        tool,
        conduct,
        takes: 1,
    });
    Script::new([
        Step {
            words: 3,
            calls: calls.into(),
            ..Step::default()
        },
        Step {
            words: 3,
            ..Step::default()
        },
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_end_is_a_proper_end() {
    use ErrorCode::{AttemptsExhausted, Internal, StreamError};
    use TurnStatus::{Completed, Failed};
    let calling = || Script::calls(&[&["once"], &["pure"]]);
    let ends = side_by_side([
        ends(calling()),
        ends(calling().with_flaw(1, Flaw::Refused(2))),
        ends(calling().with_flaw(1, Flaw::Breaks)),
        ends(Script::says(9).with_flaw(0, Flaw::Breaks)),
        ends(with_call("rejects")),
        ends(with_call("panics")),
        ends(with_call("fails")),
        // A panicking model is asked again, but not for ever.
        ends(calling().with_flaw(0, Flaw::Panics(2))),
        ends(Script::says(9).with_flaw(0, Flaw::Panics(u32::MAX))),
        ends(calling().with_flaw(1, Flaw::Panics(u32::MAX))),
    ])
    .await;
    let expected = [
        (Completed, None, 1),
        (Completed, None, 1),
        (Failed, Some(StreamError), 1),
        (Failed, Some(StreamError), 1),
        (Completed, None, 1),
        (Completed, None, 1),
        (Failed, Some(Internal), 1),
        (Completed, None, 3),
        (Failed, Some(AttemptsExhausted), 4),
        (Failed, Some(AttemptsExhausted), 4),
    ];
    assert_eq!(ends, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_takes_too_long_is_stopped_and_keeps_what_was_shown() {
    let world = World::new().await;
    let settings = Settings {
        timeout: Duration::from_millis(400),
        ..patient()
    };
    let _executor = Process::start(&world, "A", settings).is_up().await;
    let turn = world.ask(Script::says(9).with_flaw(0, Flaw::Hangs)).await;
    let readers = Readers::of(&world, &turn);

    let ended = world.ended(&turn).await;

    assert_eq!(ended.error.unwrap().code, ErrorCode::TurnTimeout);
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_whose_task_hangs_is_ended_by_the_look_when_its_time_is_over() {
    // The executor lives, but one commit of its never comes back.
    let world = World::new().await;
    let settings = Settings {
        timeout: Duration::from_millis(300),
        ..patient()
    };
    let executor = Process::start(&world, "A", settings).is_up().await;
    let gate = executor.faults.hold(What::Reply, When::Before);
    let turn = world.ask(Script::calls(&[&["once"]])).await;
    let readers = Readers::of(&world, &turn);

    let ended = world.ended(&turn).await;
    gate.open();

    assert_eq!(ended.error.unwrap().code, ErrorCode::TurnTimeout);
    approve(&world, readers).await;
    assert!(world.effects.all().is_empty());
}
