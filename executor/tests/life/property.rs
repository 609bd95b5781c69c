//! Random histories: random scripts, random faults, random readers. Then all faults stop, and
//! everything must end, and end well.
//!
//! `LIFE_SECONDS` says for how long new histories are begun, `LIFE_SEED` which ones. With
//! `LIFE_LAG=1` streams also lose entries that readers have seen already, which they do not
//! survive in every history yet.

use crate::{
    book::{Call, Flaw, Script, Step},
    checker,
    faults::{Faults, Gate, What},
    process::{Process, Settings},
    reader::{Back, Cut, read},
    world::World,
};
use copilot_core::{
    port::{queue::TurnQueue, store::Lease},
    turn::{OnBusy, Turn},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::{
    runtime::Builder,
    task::{AbortHandle, JoinHandle},
};

/// For how long new histories are begun, unless the environment says otherwise.
const SECONDS: u64 = 15;
/// Histories that are lived at the same time: most of the time they wait.
const LANES: u8 = 12;
/// Processes at a time.
const SLOTS: usize = 2;
/// A history goes on when nothing has moved for so long.
const QUIET: Duration = Duration::from_millis(150);

/// How the executors of one world are set.
#[derive(Clone, Copy, Debug)]
struct House {
    /// One process, the only one on its database, instead of several with leases.
    embedded: bool,
    concurrency: u16,
    max_running: u32,
}

/// What happens in one world.
#[derive(Clone, Debug)]
struct History {
    house: House,
    sessions: Vec<Vec<Script>>,
    readers: Vec<Reader>,
    /// Each after so many passages of points.
    faults: Vec<(u16, Fault)>,
}

#[derive(Clone, Debug)]
struct Reader {
    turn: Index,
    delay: u64,
    cuts: Vec<Cut>,
}

/// Who a fault happens to.
#[derive(Clone, Copy, Debug)]
enum Who {
    Slot(usize),
    Api,
}

#[derive(Clone, Debug)]
enum Fault {
    Start(usize),
    Crash(usize),
    Drain(usize),
    Freeze(usize, u64),
    LoseAnswers(Who, What, u32),
    Refuse(Who, What, u32),
    StoreAway(Who, u64),
    StreamsAway(Who, u64),
    HintsLost(usize, u64),
    Hint(Index),
    Forget,
    /// What is read of the streams lacks the last entries.
    Lag(usize, u64),
    Cancel(Index),
    /// The api dies so many milliseconds into the cancel.
    CancelAndDie(Index, u64),
    CancelSession(Index),
    Delete(Index),
}

fn call() -> impl Strategy<Value = Call> {
    let tool = select(vec!["pure", "idempotent", "once"]);
    let conduct = prop_oneof![12 => Just("works"), 1 => Just("rejects"), 1 => Just("panics"), 1 => Just("fails")];
    (tool, conduct, 0..12_u32).prop_map(|(tool, conduct, takes)| Call {
        tool,
        conduct,
        takes,
    })
}

fn flaw() -> impl Strategy<Value = Flaw> {
    prop_oneof![
        20 => Just(Flaw::None),
        1 => (1..3_u32).prop_map(Flaw::Refused),
        1 => (1..3_u32).prop_map(Flaw::Panics),
        1 => Just(Flaw::Breaks),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    let calling =
        (0..4_u8, 0..6_u8, vec(call(), 1..4), flaw()).prop_map(|(thinking, words, calls, flaw)| {
            Step {
                thinking,
                words,
                calls,
                flaw,
            }
        });
    let last = (0..4_u8, 1..12_u8, flaw()).prop_map(|(thinking, words, flaw)| Step {
        thinking,
        words,
        calls: Vec::new(),
        flaw,
    });
    (vec(calling, 0..3), last, 0..3_u64).prop_map(|(calling, last, pace)| {
        Script::new(calling.into_iter().chain([last])).with_pace(pace)
    })
}

fn reader() -> impl Strategy<Value = Reader> {
    let back = prop_oneof![5 => Just(Back::SamePage), 1 => Just(Back::NewPage)];
    let cut = (0..20_u8, 0..250_u8, back).prop_map(|(items, millis, back)| Cut {
        items,
        millis,
        back,
    });
    (any::<Index>(), 0..400_u64, vec(cut, 0..24)).prop_map(|(turn, delay, cuts)| Reader {
        turn,
        delay,
        cuts,
    })
}

fn fault() -> impl Strategy<Value = Fault> {
    let lags = number("LIFE_LAG").is_some();
    let who = || prop_oneof![4 => (0..SLOTS).prop_map(Who::Slot), 1 => Just(Who::Api)];
    let what = || {
        select(vec![
            What::Register,
            What::Heartbeat,
            What::Claim,
            What::Look,
            What::Groundwork,
            What::Reply,
            What::Result,
            What::End,
            What::HandBack,
            What::NextWaiting,
            What::Closable,
            What::Raise,
            What::StreamsFinished,
            What::UnfinishedStreams,
            What::Recorded,
            What::Begin,
            What::Append,
            What::Finish,
            What::Read,
        ])
    };
    prop_oneof![
        6 => (0..SLOTS).prop_map(Fault::Start),
        5 => (0..SLOTS).prop_map(Fault::Crash),
        2 => (0..SLOTS).prop_map(Fault::Drain),
        2 => (0..SLOTS, 50..900_u64).prop_map(|(slot, millis)| Fault::Freeze(slot, millis)),
        6 => (who(), what(), 1..4_u32).prop_map(|(who, what, times)| Fault::LoseAnswers(who, what, times)),
        3 => (who(), what(), 1..4_u32).prop_map(|(who, what, times)| Fault::Refuse(who, what, times)),
        1 => (who(), 10..600_u64).prop_map(|(who, millis)| Fault::StoreAway(who, millis)),
        2 => (who(), 10..600_u64).prop_map(|(who, millis)| Fault::StreamsAway(who, millis)),
        1 => (0..SLOTS, 10..600_u64).prop_map(|(slot, millis)| Fault::HintsLost(slot, millis)),
        4 => any::<Index>().prop_map(Fault::Hint),
        2 => Just(Fault::Forget),
        1 => (1..6_usize, 10..300_u64).prop_map(move |(entries, millis)| {
            if lags { Fault::Lag(entries, millis) } else { Fault::Forget }
        }),
        2 => any::<Index>().prop_map(Fault::Cancel),
        1 => (any::<Index>(), 0..30_u64).prop_map(|(turn, millis)| Fault::CancelAndDie(turn, millis)),
        1 => any::<Index>().prop_map(Fault::CancelSession),
        1 => any::<Index>().prop_map(Fault::Delete),
    ]
}

fn house() -> impl Strategy<Value = House> {
    let embedded = prop_oneof![3 => Just(false), 1 => Just(true)];
    let max_running = prop_oneof![1..4_u32, Just(8)];
    (embedded, 1..5_u16, max_running).prop_map(|(embedded, concurrency, max_running)| House {
        embedded,
        concurrency,
        max_running,
    })
}

fn history() -> impl Strategy<Value = History> {
    let sessions = vec(vec(script(), 1..5), 1..4);
    let readers = vec(reader(), 1..8);
    let faults = vec((0..120_u16, fault()), 0..24);
    (house(), sessions, readers, faults).prop_map(|(house, sessions, readers, faults)| History {
        house,
        sessions,
        readers,
        faults,
    })
}

/// A world with its processes.
struct Life {
    world: Arc<World>,
    house: House,
    turns: Vec<Turn>,
    slots: [Option<Process>; SLOTS],
    started: usize,
    frozen: Vec<Arc<Gate>>,
    requests: Vec<JoinHandle<()>>,
}

impl Life {
    fn settings(&self) -> Settings {
        let House {
            embedded,
            concurrency,
            max_running,
        } = self.house;
        let usual = Settings {
            concurrency,
            max_running,
            ..Settings::default()
        };
        if embedded {
            Settings {
                lease: Lease::Process,
                ..usual
            }
        } else {
            usual
        }
    }

    fn start(&mut self, slot: usize) {
        let alone = self.house.embedded && slot > 0;
        if self.slots[slot].is_none() && !alone {
            self.started += 1;
            let name = format!("P{}", self.started);
            self.slots[slot] = Some(Process::start(&self.world, &name, self.settings()));
        }
    }

    /// Stops one softly. The only process on a database is waited for before there is another.
    async fn drain(&mut self, slot: usize) {
        let Some(process) = self.slots[slot].take() else {
            return;
        };
        let world = Arc::clone(&self.world);
        let draining = self
            .world
            .api
            .tasks
            .spawn(async move { process.drain_in_a_hurry(&world).await });
        if self.house.embedded {
            draining.await.expect("a drain ends well");
        }
    }

    async fn apply(&mut self, fault: &Fault) {
        self.world.log.note("", format!("{fault:?}"));
        match fault {
            Fault::Start(slot) => self.start(*slot),
            Fault::Crash(slot) => {
                if let Some(process) = self.slots[*slot].take() {
                    process.crash(&self.world).await;
                }
            }
            Fault::Drain(slot) => self.drain(*slot).await,
            Fault::Freeze(slot, millis) => {
                if let Some(process) = &self.slots[*slot] {
                    let gate = process.freeze();
                    self.frozen.push(Arc::clone(&gate));
                    self.later(*millis, move || gate.open());
                }
            }
            Fault::LoseAnswers(who, what, times) => {
                if let Some(faults) = self.faults_of(*who) {
                    faults.lose_answers(*what, *times);
                }
            }
            Fault::Refuse(who, what, times) => {
                if let Some(faults) = self.faults_of(*who) {
                    faults.refuse(*what, *times);
                }
            }
            Fault::StoreAway(who, millis) => self.away(*who, *millis, Faults::set_store_away),
            Fault::StreamsAway(who, millis) => self.away(*who, *millis, Faults::set_streams_away),
            Fault::HintsLost(slot, millis) => {
                self.away(Who::Slot(*slot), *millis, Faults::set_hints_lost);
            }
            Fault::Hint(turn) => {
                let turn = turn.get(&self.turns).key();
                self.world.queue.publish(turn.into()).await.unwrap();
            }
            Fault::Forget => self.world.streams.forget_all(),
            Fault::Lag(entries, millis) => {
                let streams = Arc::clone(&self.world.api.streams);
                streams.missing.store(*entries, Ordering::Relaxed);
                self.later(*millis, move || streams.missing.store(0, Ordering::Relaxed));
            }
            Fault::Cancel(turn) => self.cancel(turn, None),
            Fault::CancelAndDie(turn, millis) => self.cancel(turn, Some(*millis)),
            Fault::CancelSession(session) => {
                let session = *session.get(&self.world.sessions());
                let world = Arc::clone(&self.world);
                self.request(async move { drop(world.api.cancel_session(session).await) });
            }
            Fault::Delete(session) => {
                let session = *session.get(&self.world.sessions());
                let world = Arc::clone(&self.world);
                self.request(async move { drop(world.api.delete(session).await) });
            }
        }
    }

    /// Lets a client ask something of the api; it is answered before the history is judged.
    fn request(&mut self, request: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let asked = self.world.api.tasks.spawn(request);
        let abort = asked.abort_handle();
        self.requests.push(asked);
        abort
    }

    fn faults_of(&self, who: Who) -> Option<Arc<Faults>> {
        match who {
            Who::Slot(slot) => self.slots[slot]
                .as_ref()
                .map(|process| Arc::clone(&process.faults)),
            Who::Api => Some(Arc::clone(&self.world.api.faults)),
        }
    }

    fn away(&self, who: Who, millis: u64, set: fn(&Faults, bool)) {
        if let Some(faults) = self.faults_of(who) {
            set(&faults, true);
            self.later(millis, move || set(&faults, false));
        }
    }

    fn cancel(&mut self, turn: &Index, dies_after: Option<u64>) {
        let (world, turn) = (Arc::clone(&self.world), turn.get(&self.turns).clone());
        let cancelling = self.request(async move { drop(world.api.cancel(&turn).await) });
        if let Some(millis) = dies_after {
            self.later(millis, move || cancelling.abort());
        }
    }

    fn later(&self, millis: u64, then: impl FnOnce() + Send + 'static) {
        self.world.api.tasks.spawn(async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            then();
        });
    }

    /// All faults stop.
    fn heal(&mut self) {
        self.world.log.note("", "all faults stop");
        for gate in self.frozen.drain(..) {
            gate.open();
        }
        for process in self.slots.iter().flatten() {
            process.faults.heal();
        }
        self.world.api.faults.heal();
        self.world.api.streams.missing.store(0, Ordering::Relaxed);
    }
}

async fn live(history: &History) -> Result<(), String> {
    let world = World::new().await;
    let outcome = live_in(&world, history).await;
    outcome.map_err(|problem| format!("{problem}\n{}", world.log.text()))
}

async fn live_in(world: &Arc<World>, history: &History) -> Result<(), String> {
    let mut life = Life {
        world: Arc::clone(world),
        house: history.house,
        turns: Vec::new(),
        slots: [const { None }; SLOTS],
        started: 0,
        frozen: Vec::new(),
        requests: Vec::new(),
    };
    for scripts in &history.sessions {
        let session = world.session().await;
        for script in scripts {
            life.turns
                .push(world.accept(session, script.clone(), OnBusy::Queue).await);
        }
    }
    let readers: Vec<_> = history
        .readers
        .iter()
        .map(|reader| {
            let turn = reader.turn.get(&life.turns);
            let delay = Duration::from_millis(reader.delay);
            (turn.clone(), read(world, turn, delay, reader.cuts.clone()))
        })
        .collect();
    life.start(0);
    for turn in &life.turns {
        world.queue.publish(turn.key().into()).await.unwrap();
    }
    for (gap, fault) in &history.faults {
        until_moved(world, u64::from(*gap)).await;
        life.apply(fault).await;
    }
    life.heal();
    let only = life.slots[0].take_if(|_| life.house.embedded);
    let healthy = only.unwrap_or_else(|| Process::start(world, "Z", life.settings()));
    let healthy = healthy.is_up().await;
    for request in life.requests.drain(..) {
        // One that was aborted on purpose is no failure.
        let _ = request.await;
    }
    world.all_ended().await?;
    let mut reads = Vec::new();
    for (turn, reader) in readers {
        reads.push((turn, reader.await.map_err(|error| error.to_string())??));
    }
    let checked = checker::check(world, reads).await;
    drop(healthy);
    checked
}

/// Waits until so much has moved, or nothing moves any more.
async fn until_moved(world: &World, gap: u64) {
    let target = world.log.ticks() + gap;
    let mut quiet_since = (world.log.ticks(), Instant::now());
    while world.log.ticks() < target && quiet_since.1.elapsed() < QUIET {
        tokio::time::sleep(Duration::from_millis(1)).await;
        // Heartbeats alone are no life.
        if world.log.ticks() > quiet_since.0 + 8 {
            quiet_since = (world.log.ticks(), Instant::now());
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Lives one history after the other until the time is over; how many there were.
fn lane(lane: u8, until: Instant) -> Result<u32, String> {
    let mut seed = [lane; 32];
    seed[..8].copy_from_slice(&number("LIFE_SEED").unwrap_or(20_261_123).to_le_bytes());
    let config = Config {
        max_shrink_iters: 40,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let strategy = history();
    let mut lived = 0;
    while Instant::now() < until {
        let tree = strategy
            .new_tree(&mut runner)
            .map_err(|reason| reason.to_string())?;
        let outcome = runner.run_one(tree, |history| {
            let runtime = Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            let outcome = runtime.block_on(live(&history));
            runtime.shutdown_background();
            outcome.map_err(TestCaseError::fail)
        });
        outcome.map_err(|error| format!("history {lived} of lane {lane}: {error}"))?;
        lived += 1;
    }
    Ok(lived)
}

#[test]
fn whatever_happens_every_turn_ends_once_and_every_reader_has_what_is_saved() {
    let until = Instant::now() + Duration::from_secs(number("LIFE_SECONDS").unwrap_or(SECONDS));
    let outcomes = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES)
            .map(|name| scope.spawn(move || lane(name, until)))
            .collect();
        lanes
            .into_iter()
            .map(|lane| lane.join().unwrap())
            .collect::<Vec<_>>()
    });
    let mut lived = 0;
    for outcome in outcomes {
        lived += outcome.unwrap_or_else(|problem| panic!("{problem}"));
    }
    eprintln!("{lived} histories");
    assert!(lived > 0);
}
