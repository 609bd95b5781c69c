//! Random kills of random processes under load. `./dev chaos` runs many of them, CI a few.
//!
//! Talkers hold conversations, drop their responses and resume at any api, and cancel now and
//! then; a killer strikes. In the end each history is judged as in the other tests of a fleet.

mod killer;
mod question;
mod talker;

use std::env;
use std::time::{Duration, Instant};

use copilot_harness::Client;
use futures::future::join_all;
use rand::{SeedableRng, rngs::StdRng};
use tokio::sync::watch;

use super::Fleet;
use super::history::{check_count, check_end};
use killer::Killer;
use talker::{Spoken, Talker};

/// The variable that says how many kills there are.
const KILLS_VARIABLE: &str = "COPILOT_CHAOS_KILLS";
/// The variable that repeats what the random choices of a run were.
const SEED_VARIABLE: &str = "COPILOT_CHAOS_SEED";
/// What CI does.
const FEW_KILLS: usize = 8;
const APIS: usize = 2;
const EXECUTORS: usize = 3;
const TALKERS: usize = 12;
/// The lease of these executors.
const LEASE: Duration = Duration::from_millis(1_500);

#[tokio::test]
async fn random_kills_of_any_process_cost_no_turn_and_no_word() {
    let kills = number_of(KILLS_VARIABLE).unwrap_or(FEW_KILLS);
    let seed = number_of(SEED_VARIABLE).unwrap_or_else(|| rand::random_range(0..100_000));
    println!("{SEED_VARIABLE}={seed} {KILLS_VARIABLE}={kills}");
    let mut fleet = prepare().await;
    let clients: Vec<Client> = (0..APIS).map(|api| fleet.client(api)).collect();
    let (stop, goes_on) = watch::channel(true);
    let begun = Instant::now();

    let talking = join_all((0..TALKERS).map(|number| {
        let rng = random(seed, number + 1);
        Talker::new(number, clients.clone(), goes_on.clone(), rng).talk()
    }));
    let killing = async {
        let killer = Killer::new(&mut fleet.copilot, random(seed, 0));
        let blows = killer.strike(kills).await;
        stop.send_replace(false);
        blows
    };
    let (spoken, blows) = tokio::join!(talking, killing);

    let spoken: Vec<Vec<Spoken>> = spoken;
    for session in &spoken {
        judge(&clients, session).await;
    }
    let turns: Vec<&Spoken> = spoken.iter().flatten().collect();
    let resumed: usize = turns.iter().map(|turn| turn.responses - 1).sum();
    let cancelled = turns.iter().filter(|turn| turn.is_cancelled).count();
    let gap = turns.iter().map(|turn| turn.longest_gap).max();
    println!(
        "{} turns ({cancelled} cancelled, {resumed} responses resumed) in {:.0?}, {blows:?}; longest \
         gap {:.1?}",
        turns.len(),
        begun.elapsed(),
        gap.unwrap_or_default()
    );
    assert!(turns.len() >= TALKERS, "hardly anybody said anything");
}

/// Every message became one turn, in order; stream and reload agree with what the reader saw.
async fn judge(clients: &[Client], session: &[Spoken]) {
    let Some(first) = session.first() else {
        return;
    };
    for spoken in session {
        let turn = clients[0].known_turn(&spoken.session_id, &spoken.turn_id);
        let status = turn.get().await["status"].clone();
        let expected: &[&str] = if spoken.is_cancelled {
            &["cancelled", "completed"]
        } else {
            &["completed"]
        };
        let is_expected = expected.iter().any(|expected| status == *expected);
        assert!(is_expected, "turn {} is {status}", turn.id);
        let said = check_end(&clients[0], &turn).await;
        assert_eq!(said, spoken.text, "turn {}", turn.id);
    }
    check_count(&clients[0], &first.session_id, session.len()).await;
}

async fn prepare() -> Fleet {
    let mut fleet = Fleet::prepare(APIS, EXECUTORS).await;
    for (name, value) in [
        ("COPILOT__TURN__MAX_RUNNING_PER_USER", "100"),
        ("COPILOT__TURN__MAX_IN_FLIGHT_PER_USER", "100"),
        // A turn may be hit again and again.
        ("COPILOT__TURN__MAX_ATTEMPTS", "100"),
        ("COPILOT__EXECUTOR__DRAIN_TIMEOUT_SECONDS", "0.5"),
        ("COPILOT__SERVER__SHUTDOWN_DELAY_SECONDS", "0.1"),
        ("COPILOT__SERVER__DRAIN_TIMEOUT_SECONDS", "0.5"),
    ] {
        fleet.copilot.set(name, value);
    }
    fleet.llm.respond(question::reply);
    fleet.copilot.start().await;
    fleet
}

fn number_of(variable: &str) -> Option<usize> {
    let value = env::var(variable).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}: no number {value:?}")))
}

/// The same for the same seed and stream.
fn random(seed: usize, stream: usize) -> StdRng {
    StdRng::seed_from_u64((seed * 1_000 + stream) as u64)
}
