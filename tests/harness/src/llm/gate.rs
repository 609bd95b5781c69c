//! A point at which a reply stops until the test lets it go on.

use std::sync::Arc;

use tokio::sync::watch;

use crate::deadline::{DEADLINE, within};

/// A handle on a stopping point: put it into a [`Reply`](super::Reply), wait until the reply has
/// come there, act, release it. Clones are the same gate; several replies may stop at one.
#[derive(Clone, Debug)]
pub struct Gate {
    state: Arc<watch::Sender<State>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    arrivals: usize,
    is_open: bool,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self {
            state: Arc::new(watch::Sender::new(State::default())),
        }
    }

    /// Wait until a reply stands at the gate.
    pub async fn reached(&self) {
        self.reached_by(1).await;
    }

    /// Wait until `count` replies have come to the gate.
    pub async fn reached_by(&self, count: usize) {
        let mut state = self.state.subscribe();
        within(DEADLINE, || format!("{count} replies at the gate"), async {
            state.wait_for(|now| now.arrivals >= count).await.map(drop)
        })
        .await
        .expect("the gate holds its own sender");
    }

    /// Let every reply that stands here, or will come, go on.
    pub fn release(&self) {
        self.state.send_modify(|state| state.is_open = true);
    }

    /// The reply's side: tell that it is here, and wait.
    pub(crate) async fn pass(&self) {
        let mut state = self.state.subscribe();
        self.state.send_modify(|now| now.arrivals += 1);
        state
            .wait_for(|now| now.is_open)
            .await
            .expect("the gate holds its own sender");
    }
}
