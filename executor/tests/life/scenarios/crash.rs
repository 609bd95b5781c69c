//! An executor is killed, and another goes on.

use super::{Readers, approve, healthy, side_by_side};
use crate::{
    book::Script,
    faults::{What, When},
    process::{Process, Settings},
    world::World,
};
use copilot_core::{
    port::store::Lease,
    turn::{ErrorCode, TurnStatus},
};

/// Where an executor is killed: at the first, second, … passage of a point.
type Spot = (What, When, u32);

/// From before the claim to after the stream's end.
const SPOTS: [Spot; 20] = [
    (What::Claim, When::Before, 0),
    (What::Claim, When::After, 0),
    (What::Groundwork, When::After, 0),
    (What::Begin, When::Before, 0),
    (What::Begin, When::After, 0),
    (What::Append, When::Before, 1),
    (What::Append, When::After, 2),
    (What::Delta, When::Before, 2),
    (What::Delta, When::Before, 6),
    (What::Delta, When::Before, 10),
    (What::Reply, When::Before, 0),
    (What::Reply, When::After, 0),
    (What::Result, When::Before, 0),
    (What::Result, When::After, 0),
    (What::Result, When::After, 2),
    (What::Reply, When::After, 1),
    (What::End, When::Before, 0),
    (What::End, When::After, 0),
    (What::Finish, When::Before, 0),
    (What::Finish, When::After, 0),
];

fn busy() -> Script {
    Script::calls(&[&["pure", "idempotent", "once"], &["once", "pure"]])
}

async fn killed_at(spot: Spot, script: Script, settings: Settings) -> (TurnStatus, u32) {
    let (what, when, skip) = spot;
    let world = World::new().await;
    let first = Process::start(&world, "A", settings).is_up().await;
    let gate = first.faults.hold_later(what, when, skip);
    let turn = world.ask(script).await;
    let readers = Readers::of(&world, &turn);

    gate.arrived().await;
    first.crash(&world).await;
    let second = Process::start(&world, "B", settings).is_up().await;

    let ended = world.ended(&turn).await;
    world.log.note("", format!("{spot:?}"));
    approve(&world, readers).await;
    drop(second);
    (ended.status, ended.attempt)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_whose_executor_is_killed_anywhere_goes_on_elsewhere() {
    let ends = side_by_side(
        SPOTS
            .into_iter()
            .map(|spot| killed_at(spot, busy(), Settings::default())),
    )
    .await;
    for (spot, (status, _)) in SPOTS.iter().zip(ends) {
        assert_eq!(status, TurnStatus::Completed, "{spot:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_the_only_one_goes_on_when_it_is_started_again() {
    let settings = Settings {
        lease: Lease::Process,
        ..Settings::default()
    };
    let spots = [
        SPOTS[1], SPOTS[6], SPOTS[10], SPOTS[11], SPOTS[13], SPOTS[16], SPOTS[17],
    ];
    let ends = side_by_side(
        spots
            .into_iter()
            .map(|spot| killed_at(spot, busy(), settings)),
    )
    .await;
    for (spot, (status, _)) in spots.iter().zip(ends) {
        assert_eq!(status, TurnStatus::Completed, "{spot:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_was_cut_runs_again_only_if_its_class_allows_it() {
    let tools = ["pure", "idempotent", "once"];
    let spots = [(What::Tool, When::Before, 0), (What::Tool, When::After, 0)];
    let histories = tools
        .into_iter()
        .flat_map(|tool| spots.map(|spot| (tool, spot)));
    side_by_side(histories.map(async |(tool, (what, when, skip))| {
        let world = World::new().await;
        let first = Process::start(&world, "A", Settings::default())
            .is_up()
            .await;
        let gate = first.faults.hold_later(what, when, skip);
        let turn = world.ask(Script::calls(&[&[tool]])).await;
        let readers = Readers::of(&world, &turn);
        gate.arrived().await;
        first.crash(&world).await;
        let _second = healthy(&world).await;

        assert_eq!(world.ended(&turn).await.status, TurnStatus::Completed);
        approve(&world, readers).await;

        let times: u32 = world.effects.all().values().map(|done| done.times).sum();
        let expected = match (tool, when) {
            ("once", When::Before) => 0,
            ("once", When::After) | (_, When::Before) => 1,
            (_, When::After) => 2,
        };
        assert_eq!(times, expected, "{tool} cut {when:?} its effect");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_kills_every_executor_fails_and_keeps_what_was_shown() {
    let world = World::new().await;
    let turn = world.ask(Script::says(12)).await;
    let readers = Readers::of(&world, &turn);
    for name in ["A", "B", "C"] {
        let victim = Process::start(&world, name, Settings::default());
        let gate = victim.faults.hold_later(What::Delta, When::Before, 5);
        let victim = victim.is_up().await;
        gate.arrived().await;
        victim.crash(&world).await;
    }
    let _last = healthy(&world).await;

    let ended = world.ended(&turn).await;

    assert_eq!(ended.status, TurnStatus::Failed);
    assert_eq!(ended.error.unwrap().code, ErrorCode::AttemptsExhausted);
    assert_eq!(ended.lost_attempts, 3);
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_between_crashes_takes_the_count_back() {
    let world = World::new().await;
    let settings = Settings {
        max_attempts: 2,
        ..Settings::default()
    };
    let turn = world
        .ask(Script::calls(&[&["pure"], &["pure"], &["pure"]]))
        .await;
    let readers = Readers::of(&world, &turn);
    // Three crashes where two in a row are too many, but each time a reply was committed first.
    for name in ["A", "B", "C"] {
        let victim = Process::start(&world, name, settings);
        let gate = victim.faults.hold(What::Reply, When::After);
        let victim = victim.is_up().await;
        gate.arrived().await;
        victim.crash(&world).await;
    }
    let _last = healthy(&world).await;

    assert_eq!(world.ended(&turn).await.status, TurnStatus::Completed);
    approve(&world, readers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_leaves_the_next_turns_of_the_session_in_order() {
    let world = World::new().await;
    let session = world.session().await;
    let first = Process::start(&world, "A", Settings::default());
    let gate = first.faults.hold_later(What::Delta, When::Before, 3);
    let mut turns = Vec::new();
    for words in [8, 5, 3] {
        turns.push(world.ask_in(session, Script::says(words)).await);
    }
    let readers: Vec<_> = turns.iter().map(|turn| Readers::of(&world, turn)).collect();
    let first = first.is_up().await;
    gate.arrived().await;
    first.crash(&world).await;
    let _second = healthy(&world).await;

    world.all_ended().await.unwrap();

    for (turn, readers) in turns.iter().zip(readers) {
        assert_eq!(world.row(turn).await.status, TurnStatus::Completed);
        approve(&world, readers).await;
    }
}
