//! What every handler may use.

use crate::{
    auth::Authenticator, config::ApiConfig, health_probe::HealthProbe, metrics::ApiMetrics,
};
use copilot_core::{
    id::IdSource,
    port::{
        cancel::CancelBus, queue::TurnQueue, ready::ReadyPart, store::Store, stream::TurnStreams,
        turn_ends::TurnEnds,
    },
    service::{
        cancelling::Canceller, closing::Closer, deleting::Deleter, intake::Intake,
        readiness::Readiness, reading::Reading, watch::Watch,
    },
    traceparent::Traceparent,
};
use copilot_runtime::tracking::Tracker;
use poem::{FromRequest, Request, RequestBody, Result};
use std::{ops::Deref, sync::Arc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The ports and settings that the server is built of.
pub struct ApiParts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The live copies.
    pub streams: Arc<dyn TurnStreams>,
    /// Where accepted turns are hinted at.
    pub queue: Arc<dyn TurnQueue>,
    /// Where cancels are told.
    pub cancels: Arc<dyn CancelBus>,
    /// Where new ids come from.
    pub ids: Arc<dyn IdSource>,
    /// The watch over turns that have readers; its owner runs it.
    pub watch: Arc<Watch>,
    /// What `/readyz` asks beside the database.
    pub ready_parts: Vec<Arc<dyn ReadyPart>>,
    /// Who is told of each turn's end.
    pub ends: Arc<dyn TurnEnds>,
    /// What is counted.
    pub metrics: Arc<ApiMetrics>,
    /// Who is told of each user's message.
    pub tracker: Tracker,
    /// Who tells who calls.
    pub auth: Authenticator,
    /// Settings.
    pub config: ApiConfig,
    /// Where tasks run that outlive their request; its owner waits for it.
    pub tasks: TaskTracker,
}

/// The use cases and settings behind the handlers.
pub struct ApiState {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) intake: Intake,
    pub(crate) canceller: Canceller,
    pub(crate) deleter: Deleter,
    pub(crate) reading: Reading,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) health: HealthProbe,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Arc<ApiMetrics>,
    pub(crate) tracker: Tracker,
    pub(crate) auth: Authenticator,
    pub(crate) config: ApiConfig,
    pub(crate) tasks: TaskTracker,
    /// The server is about to stop: `/readyz` fails.
    pub(crate) stopping: CancellationToken,
    /// Open event streams break now.
    pub(crate) breaking: CancellationToken,
}

impl ApiState {
    /// The state over these parts.
    #[must_use]
    pub fn new(parts: ApiParts) -> Arc<Self> {
        let ApiParts {
            store,
            streams,
            queue,
            cancels,
            ids,
            watch,
            mut ready_parts,
            ends,
            metrics,
            tracker,
            auth,
            config,
            tasks,
        } = parts;
        ready_parts.extend(auth.ready_part());
        let closer = Closer::new(
            Arc::clone(&store),
            Arc::clone(&streams),
            Arc::clone(&ids),
            Arc::clone(&ends),
        );
        let stopping = CancellationToken::new();
        Arc::new(Self {
            intake: Intake::new(Arc::clone(&store), queue, tasks.clone()),
            canceller: Canceller::new(
                Arc::clone(&store),
                Arc::clone(&streams),
                Arc::clone(&cancels),
                closer,
            ),
            deleter: Deleter::new(
                Arc::clone(&store),
                Arc::clone(&streams),
                cancels,
                ends,
                tasks.clone(),
            ),
            reading: Reading::new(Arc::clone(&store), streams, watch),
            health: HealthProbe::new(Arc::clone(&store)),
            readiness: Readiness::new(Arc::clone(&store), ready_parts, stopping.clone()),
            store,
            ids,
            metrics,
            tracker,
            auth,
            config,
            tasks,
            stopping,
            breaking: CancellationToken::new(),
        })
    }
}

/// Gives a handler the state, and what the request says beside its parameters.
pub(crate) struct Services {
    state: Arc<ApiState>,
    trace: Option<Traceparent>,
}

impl Services {
    /// The state itself, for a task that outlives the request.
    pub(crate) fn state(&self) -> &Arc<ApiState> {
        &self.state
    }

    /// The trace that the request belongs to.
    pub(crate) const fn trace(&self) -> Option<&Traceparent> {
        self.trace.as_ref()
    }
}

impl Deref for Services {
    type Target = ApiState;

    fn deref(&self) -> &ApiState {
        &self.state
    }
}

impl<'a> FromRequest<'a> for Services {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        let state = request.data::<Arc<ApiState>>();
        let state = state.ok_or_else(|| {
            poem::Error::from_string(
                "the app has no state",
                poem::http::StatusCode::INTERNAL_SERVER_ERROR,
            )
        })?;
        Ok(Self {
            state: Arc::clone(state),
            trace: request.data::<Traceparent>().cloned(),
        })
    }
}
