//! Accepting a message: commit first, then a hint.

use crate::{
    clock::millis,
    id::SessionId,
    port::{
        PortError,
        queue::{Hint, TurnQueue},
        store::{Acceptance, Store},
    },
    session::Owner,
    turn::{NewTurn, TurnKey},
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// How long a publish may take. Its failure is nobody's problem: the look finds the turn.
const PUBLISH_LIMIT: Duration = Duration::from_secs(5);

/// How much was said; for the log, which never has what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageSize {
    /// Characters of the message.
    pub length: usize,
    /// Files that it names.
    pub files: usize,
}

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
        size: MessageSize,
    ) -> Result<Acceptance, PortError> {
        let began = Instant::now();
        let acceptance = self.store.accept(owner, session, turn).await?;
        if let Acceptance::Begun { turn, .. } = &acceptance {
            let (intake, hint, committed) = (self.clone(), Hint::from(turn), began.elapsed());
            let telling = async move {
                let turn = hint.turn;
                intake.publish(hint).await;
                told(turn, size, committed, began.elapsed());
            };
            self.tasks.spawn(telling.in_current_span());
        }
        Ok(acceptance)
    }

    /// Publishes a hint in the background.
    pub fn hint(&self, hint: impl Into<Hint>) {
        let (intake, hint) = (self.clone(), hint.into());
        let publishing = async move { intake.publish(hint).await };
        self.tasks.spawn(publishing.in_current_span());
    }

    async fn publish(&self, hint: Hint) {
        let turn_id = hint.turn.turn_id;
        match tokio::time::timeout(PUBLISH_LIMIT, self.queue.publish(hint)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%turn_id, %error, "hint not published");
            }
            Err(_) => tracing::warn!(%turn_id, "hint not published in time"),
        }
    }
}

fn told(turn: TurnKey, size: MessageSize, committed: Duration, total: Duration) {
    tracing::info!(
        session_id = turn.session_id.tag(),
        turn_id = %turn.turn_id,
        message_length = size.length,
        files = size.files,
        commit = millis(committed),
        publish = millis(total.saturating_sub(committed)),
        total = millis(total),
        "turn accepted"
    );
}
