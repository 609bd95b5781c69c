//! Accepting a message: commit first, then a hint.

use crate::{
    id::SessionId,
    port::{
        PortError,
        queue::TurnQueue,
        store::{Acceptance, Store},
    },
    session::Owner,
    turn::{NewTurn, TurnKey},
};
use std::{sync::Arc, time::Duration};
use tokio_util::task::TaskTracker;

/// How long a publish may take. Its failure is nobody's problem: the look finds the turn.
const PUBLISH_LIMIT: Duration = Duration::from_secs(5);

/// Turns messages into turns.
#[derive(Clone)]
pub struct Intake {
    store: Arc<dyn Store>,
    queue: Arc<dyn TurnQueue>,
    tasks: TaskTracker,
}

impl Intake {
    /// An intake over these ports; publishing runs on `tasks`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, queue: Arc<dyn TurnQueue>, tasks: TaskTracker) -> Self {
        Self {
            store,
            queue,
            tasks,
        }
    }

    /// Accepts a message as a turn. When it returns [`Acceptance::Begun`], the turn is
    /// committed and will run, whatever becomes of this process.
    pub async fn accept(
        &self,
        owner: &Owner,
        session: SessionId,
        turn: NewTurn,
    ) -> Result<Acceptance, PortError> {
        let acceptance = self.store.accept(owner, session, turn).await?;
        if let Acceptance::Begun { turn, .. } = &acceptance {
            self.hint(turn.key());
        }
        Ok(acceptance)
    }

    /// Publishes a hint in the background.
    pub fn hint(&self, turn: TurnKey) {
        let queue = Arc::clone(&self.queue);
        self.tasks.spawn(async move {
            match tokio::time::timeout(PUBLISH_LIMIT, queue.publish(turn)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(turn_id = %turn.turn_id, %error, "hint not published");
                }
                Err(_) => tracing::warn!(turn_id = %turn.turn_id, "hint not published in time"),
            }
        });
    }
}
