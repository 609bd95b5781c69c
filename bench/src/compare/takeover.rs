//! What a client sees of a killed executor: a gap.

use super::{contender::address_of, servers::Servers, upstream::Upstream};
use crate::{figures::Times, scenario};
use anyhow::ensure;
use copilot_harness::llm::text_of_words;
use std::time::Duration;

/// Turns that are under way when one of two executors is killed.
const TURNS: usize = 16;
const ROUNDS: usize = 4;
const DELTAS: usize = 300;
const DELAY_MILLIS: u64 = 50;
/// When all turns are in the middle of their answers.
const KILL_AFTER: Duration = Duration::from_secs(3);
/// No gap of a turn that nobody killed is as long.
const NOTICEABLE: Duration = Duration::from_secs(1);

/// Kills executors in the middle of turns, and prints the gaps.
pub(super) async fn measure(servers: &Servers) -> anyhow::Result<()> {
    let upstream = Upstream::start(DELTAS, DELAY_MILLIS).await?;
    let mut copilot = servers.copilot(upstream.url());
    copilot.add_executor();
    copilot.start().await;
    let (address, expected) = (address_of(&copilot, 0)?, text_of_words(DELTAS));
    let mut gaps = Times::default();
    for round in 0..ROUNDS {
        let killing = async {
            tokio::time::sleep(KILL_AFTER).await;
            copilot.executor_mut(round % 2).kill9();
            anyhow::Ok(())
        };
        let reading = scenario::gaps(address, TURNS, &expected);
        let ((), seen) = tokio::try_join!(killing, reading)?;
        for gap in seen.into_iter().filter(|gap| *gap > NOTICEABLE) {
            gaps.add(gap);
        }
        copilot.start().await;
    }
    ensure!(gaps.len() > 0, "no turn was on an executor that was killed");
    println!("## `kill -9` of an executor with running turns, lease 8 s\n");
    println!(
        "{} turns were taken over in {ROUNDS} kills; the gap that their clients saw: {gaps}\n",
        gaps.len()
    );
    Ok(())
}
