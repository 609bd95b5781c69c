//! Cancel: the mark is committed, everyone is told, and what nobody holds is ended at once.

use super::closing::{Closed, Closer};
use crate::{
    id::{SessionId, TurnId},
    pen::Ending,
    port::{
        PortError,
        cancel::CancelBus,
        store::{CancelRequest, RaiseIf, Store, TurnState},
        stream::TurnStreams,
    },
    session::Owner,
    turn::{Turn, TurnKey, TurnStatus},
};
use futures::future::join_all;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Why a cancel did not simply stop a running turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// Nothing was unfinished.
    NoActiveSession,
    /// The turn was waiting.
    Dequeued,
    /// No executor confirmed in time.
    Forced,
}

/// What a cancel came to, told of the oldest turn that it stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    /// Why it was not the plain case.
    pub reason: Option<CancelReason>,
    /// The oldest turn that was stopped.
    pub turn_id: Option<TurnId>,
    /// Where that turn stands now.
    pub status: Option<TurnStatus>,
}

/// How long a cancel waits for the executor before it forces.
pub const CONFIRM_LIMIT: Duration = Duration::from_secs(5);

/// Cancels turns.
#[derive(Clone)]
pub struct Canceller {
    store: Arc<dyn Store>,
    streams: Arc<dyn TurnStreams>,
    bus: Arc<dyn CancelBus>,
    closer: Closer,
}

impl Canceller {
    /// A canceller over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        streams: Arc<dyn TurnStreams>,
        bus: Arc<dyn CancelBus>,
        closer: Closer,
    ) -> Self {
        Self {
            store,
            streams,
            bus,
            closer,
        }
    }

    /// Cancels one turn, or the running and all waiting ones of a session, and returns when
    /// no executor works on them any more; none: there is no such session or turn.
    pub async fn cancel(
        &self,
        owner: &Owner,
        session: SessionId,
        turn: Option<TurnId>,
    ) -> Result<Option<Cancelled>, PortError> {
        let turns = match self.store.request_cancel(owner, session, turn).await? {
            CancelRequest::NotFound => return Ok(None),
            CancelRequest::Ended(turn) => {
                return Ok(Some(Cancelled {
                    reason: Some(CancelReason::NoActiveSession),
                    turn_id: Some(turn.id),
                    status: Some(turn.status),
                }));
            }
            CancelRequest::Marked(turns) => turns,
        };
        let outcomes = self.stop_all(&turns).await?;
        let Some((oldest, (reason, status))) = turns.first().zip(outcomes.first().copied()) else {
            let reason = Some(CancelReason::NoActiveSession);
            return Ok(Some(Cancelled {
                reason,
                turn_id: None,
                status: None,
            }));
        };
        Ok(Some(Cancelled {
            reason,
            turn_id: Some(oldest.id),
            status: Some(status),
        }))
    }

    /// Stops turns that carry the mark, the newest first, so that none of the waiting ones
    /// gets its turn meanwhile.
    pub async fn stop_all(
        &self,
        marked: &[Turn],
    ) -> Result<Vec<(Option<CancelReason>, TurnStatus)>, PortError> {
        for turn in marked
            .iter()
            .filter(|turn| turn.status == TurnStatus::Running)
        {
            if let Err(error) = self.bus.publish(turn.key()).await {
                tracing::warn!(turn_id = %turn.id, %error, "cancel not published");
            }
        }
        join_all(marked.iter().rev().map(|turn| self.stop(turn)))
            .await
            .into_iter()
            .rev()
            .collect()
    }

    async fn stop(&self, turn: &Turn) -> Result<(Option<CancelReason>, TurnStatus), PortError> {
        let key = turn.key();
        let unheld = self
            .closer
            .close(key, RaiseIf::CancelledAndUnheld, &Ending::Cancelled)
            .await?;
        if matches!(unheld, Closed::Ended(_)) {
            let reason = (turn.status == TurnStatus::Queued).then_some(CancelReason::Dequeued);
            return Ok((reason, TurnStatus::Cancelled));
        }
        if let Some(status) = self.wait_for_end(key).await? {
            return Ok((None, status));
        }
        let forced = self
            .closer
            .close(key, RaiseIf::Cancelled, &Ending::Cancelled)
            .await?;
        let status = self
            .state(key)
            .await?
            .map_or(TurnStatus::Cancelled, |state| state.status);
        Ok((
            matches!(forced, Closed::Ended(_)).then_some(CancelReason::Forced),
            status,
        ))
    }

    /// Asks the live copy after 10, 20, 40 … ms, and the row when the copy shows an end or
    /// says nothing; none: the limit passed.
    async fn wait_for_end(&self, key: TurnKey) -> Result<Option<TurnStatus>, PortError> {
        let deadline = Instant::now() + CONFIRM_LIMIT;
        let mut pause = Duration::from_millis(1);
        while Instant::now() < deadline {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(160));
            let live = self.streams.status(key).await.ok().flatten();
            if live.is_some_and(|live| !live.ended) {
                continue;
            }
            match self.state(key).await? {
                None => return Ok(Some(TurnStatus::Cancelled)),
                Some(state) if state.status.is_terminal() => return Ok(Some(state.status)),
                Some(_) => {}
            }
        }
        Ok(None)
    }

    async fn state(&self, key: TurnKey) -> Result<Option<TurnState>, PortError> {
        Ok(self.store.states(&[key.turn_id]).await?.into_iter().next())
    }
}
