//! Deleting a session: the row first, then everyone is told.

use crate::{
    id::SessionId,
    outline::Outline,
    pen::{Ending, Pen},
    port::{
        PortError,
        cancel::CancelBus,
        store::{Files, Store},
        stream::{Append, TurnStreams},
        turn_ends::{EndedTurn, TurnEnds},
    },
    position::Position,
    session::Owner,
    turn::{FinishReason, Turn, TurnStatus},
};
use std::sync::Arc;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// Deletes sessions.
#[derive(Clone)]
pub struct Deleter {
    store: Arc<dyn Store>,
    streams: Arc<dyn TurnStreams>,
    bus: Arc<dyn CancelBus>,
    ends: Arc<dyn TurnEnds>,
    tasks: TaskTracker,
}

impl Deleter {
    /// A deleter over these ports; it works on `tasks`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        streams: Arc<dyn TurnStreams>,
        bus: Arc<dyn CancelBus>,
        ends: Arc<dyn TurnEnds>,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            store,
            streams,
            bus,
            ends,
            tasks,
        }
    }

    /// Deletes a session; none: it is not there. Its turns are cancelled in the same
    /// transaction; what runs is told to stop, and open streams get their end, also when
    /// whoever asked has gone. Rows go later, by the look's purge.
    pub async fn delete(
        &self,
        owner: &Owner,
        session: SessionId,
        files: Files,
    ) -> Result<Option<()>, PortError> {
        let (itself, owner) = (self.clone(), owner.clone());
        let work = async move { itself.delete_whole(&owner, session, files).await };
        let done = self.tasks.spawn(work.in_current_span()).await;
        done.map_err(|error| PortError::broken("deleting a session", error))?
    }

    async fn delete_whole(
        self,
        owner: &Owner,
        session: SessionId,
        files: Files,
    ) -> Result<Option<()>, PortError> {
        let Some(turns) = self.store.delete_session(owner, session, files).await? else {
            return Ok(None);
        };
        for turn in &turns {
            let (status, reason) = (TurnStatus::Cancelled, FinishReason::Interrupted);
            self.ends.ended(&EndedTurn::of(turn, status, reason, &[]));
        }
        let tasks = self.tasks.clone();
        tasks.spawn(async move { self.tell(turns).await }.in_current_span());
        Ok(Some(()))
    }

    async fn tell(&self, turns: Vec<Turn>) {
        for turn in turns {
            if let Err(error) = self.bus.publish(turn.key()).await {
                tracing::warn!(turn_id = %turn.id, %error, "cancel of a deleted session not published");
            }
            if let Err(error) = self.bury(&turn).await {
                tracing::warn!(turn_id = %turn.id, %error, "stream of a deleted session left to expire");
            }
        }
    }

    /// Ends the stream where it stands; also one that is missing, as a fence.
    async fn bury(&self, turn: &Turn) -> Result<(), PortError> {
        let key = turn.key();
        let entries = self
            .streams
            .read(key, Position::ZERO)
            .await?
            .unwrap_or_default();
        let outline = Outline::of(crate::outline::living(&entries).iter().map(AsRef::as_ref));
        let from = entries
            .last()
            .map_or(Position::ZERO, |entry| entry.position);
        let mut pen = Pen::new(turn.attempt, outline);
        let closing = pen.end(turn.id, &Ending::Cancelled, turn.usage);
        let entries = closing.into_iter().map(Arc::new).collect();
        self.streams
            .bury(
                key,
                Append {
                    attempt: turn.attempt,
                    from,
                    entries,
                },
            )
            .await
    }
}
