//! Several apis and executors as real processes on real servers, and what becomes of turns when
//! these are killed, frozen, drained or cut off.
//!
//! Always in the distributed mode; `./dev test` runs these with the tests of that mode.

mod api_killed;
mod broker;
mod cancels;
mod chaos;
mod cluster;
mod drains;
mod executor_killed;
mod frozen;
mod history;
mod lost_answers;
mod postgres_away;
mod rabbit_away;
mod readiness;
mod redis_away;
mod secured;
mod start_up;
mod waiting;

use copilot_harness::{Client, Copilot, FakeUpstream, servers::Servers};

/// The product with as many processes as a test wants, and a model behind it.
pub(crate) struct Fleet {
    pub(crate) copilot: Copilot,
    pub(crate) llm: FakeUpstream,
}

impl Fleet {
    /// Processes that all run.
    pub(crate) async fn start(apis: usize, executors: usize) -> Self {
        let mut fleet = Self::prepare(apis, executors).await;
        fleet.copilot.start().await;
        fleet
    }

    /// [`Self::start`], with processes that do not run yet.
    pub(crate) async fn prepare(apis: usize, executors: usize) -> Self {
        Self::prepare_on(Servers::default(), apis, executors).await
    }

    /// [`Self::prepare`], on servers that the test may break.
    pub(crate) async fn prepare_on(servers: Servers, apis: usize, executors: usize) -> Self {
        let llm = FakeUpstream::start().await;
        let mut copilot = Copilot::on(servers).upstream(llm.base_url());
        for _ in 1..apis {
            copilot.add_api();
        }
        for _ in 1..executors {
            copilot.add_executor();
        }
        Self { copilot, llm }
    }

    /// A client of an api.
    pub(crate) fn client(&self, api: usize) -> Client {
        self.copilot.client_of(api)
    }
}
