//! Cancels in a fleet.

use super::{contender::address_of, servers::Servers, upstream::Upstream};
use crate::scenario;

/// Executors that each cancel reaches.
const EXECUTORS: usize = 8;
const APIS: usize = 2;
const TURNS: usize = 300;

/// Prints how long cancels take.
pub(super) async fn measure(servers: &Servers) -> anyhow::Result<()> {
    let upstream = Upstream::start(2_000, 10).await?;
    let mut copilot = servers.copilot(upstream.url());
    for _ in 1..APIS {
        copilot.add_api();
    }
    for _ in 1..EXECUTORS {
        copilot.add_executor();
    }
    copilot.start().await;
    let addresses = (0..APIS).map(|api| address_of(&copilot, api));
    let addresses = addresses.collect::<anyhow::Result<Vec<_>>>()?;
    let cancels = scenario::cancel(&addresses, TURNS).await?;
    println!("## {TURNS} cancels of running turns, {APIS} apis, {EXECUTORS} executors\n");
    println!("- to the answer of the cancel: {}", cancels.answered);
    println!("- to the end of the turn's stream: {}\n", cancels.ended);
    Ok(())
}
