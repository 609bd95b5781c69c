//! What an api process does with turns, as far as it lives in the core.

use crate::{
    ends::Ends, faults::Faults, faulty_store::FaultyStore, faulty_streams::FaultyStreams, log::Log,
};
use copilot_core::{
    id::{IdSource, SessionId},
    port::{
        PortError,
        store::{Files, Store},
        stream::TurnStreams,
        turn_ends::TurnEnds,
    },
    service::{
        cancelling::{Cancelled, Canceller},
        closing::Closer,
        deleting::Deleter,
        reading::Reading,
        watch::Watch,
    },
    session::Owner,
    turn::Turn,
};
use copilot_infra::{
    db::SqlStore,
    in_process::{InProcessCancelBus, InProcessStreams},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) struct Api {
    pub(crate) faults: Arc<Faults>,
    pub(crate) streams: Arc<FaultyStreams>,
    pub(crate) reading: Reading,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    canceller: Canceller,
    deleter: Deleter,
    owner: Owner,
}

impl Api {
    pub(crate) fn new(
        store: &Arc<SqlStore>,
        streams: &InProcessStreams,
        bus: &InProcessCancelBus,
        ids: &Arc<dyn IdSource>,
        log: &Arc<Log>,
        ends: &Arc<Ends>,
        owner: Owner,
    ) -> Self {
        let faults = Faults::new("api", log);
        let store: Arc<dyn Store> = Arc::new(FaultyStore {
            inner: Arc::clone(store),
            faults: Arc::clone(&faults),
            log: Arc::clone(log),
        });
        let faulty = Arc::new(FaultyStreams {
            inner: streams.clone(),
            faults: Arc::clone(&faults),
            log: Arc::clone(log),
            missing: AtomicUsize::new(0),
            deaf: AtomicBool::new(false),
            reads: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
        });
        let streams: Arc<dyn TurnStreams> = Arc::clone(&faulty) as _;
        let bus = Arc::new(bus.clone());
        let ends: Arc<dyn TurnEnds> = Arc::<Ends>::clone(ends);
        let closer = Closer::new(
            Arc::clone(&store),
            Arc::clone(&streams),
            Arc::clone(ids),
            Arc::clone(&ends),
        );
        let watch = Watch::new(Arc::clone(&store), closer.clone(), Arc::new(()));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (watching, stopped) = (Arc::clone(&watch), stop.clone());
        tasks.spawn(async move { watching.run(stopped).await });
        Self {
            faults,
            streams: faulty,
            reading: Reading::new(Arc::clone(&store), Arc::clone(&streams), watch),
            tasks: tasks.clone(),
            stop,
            canceller: Canceller::new(
                Arc::clone(&store),
                Arc::clone(&streams),
                Arc::clone(&bus) as _,
                closer,
            ),
            deleter: Deleter::new(store, streams, bus, ends, tasks),
            owner,
        }
    }

    /// Cancels one turn.
    pub(crate) async fn cancel(&self, turn: &Turn) -> Result<Option<Cancelled>, PortError> {
        self.canceller
            .cancel(&self.owner, turn.session_id, Some(turn.id))
            .await
    }

    /// Cancels what a session is doing.
    pub(crate) async fn cancel_session(
        &self,
        session: SessionId,
    ) -> Result<Option<Cancelled>, PortError> {
        self.canceller.cancel(&self.owner, session, None).await
    }

    pub(crate) async fn delete(&self, session: SessionId) -> Result<Option<()>, PortError> {
        self.deleter
            .delete(&self.owner, session, Files::Delete)
            .await
    }
}
