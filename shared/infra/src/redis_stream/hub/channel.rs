//! One turn's channel and those who read it here.

use super::feed::Queue;
use crate::redis_stream::lock;
use copilot_core::event::{Entry, Event};
use std::sync::{Arc, Mutex};
use tokio::sync::MutexGuard;

/// One connection to one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LinkId {
    /// Host and port.
    pub(super) address: Arc<str>,
    /// Which of the connections that were made to it.
    pub(super) number: u64,
}

/// A channel. Its last reader leaves it in place; the hub ends the subscription.
#[derive(Debug, Default)]
pub(super) struct Channel {
    state: Mutex<State>,
    /// Held by whoever subscribes or ends the subscription.
    gate: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    queues: Vec<Arc<Queue>>,
    subscription: Subscription,
}

#[derive(Debug, Default)]
enum Subscription {
    #[default]
    None,
    Asked(LinkId),
    Confirmed(LinkId),
}

impl Channel {
    /// Adds a reader, who is not told of anything before [`Self::open`].
    pub(super) fn join(&self) -> Arc<Queue> {
        let queue = Arc::new(Queue::default());
        lock(&self.state).queues.push(Arc::clone(&queue));
        queue
    }

    /// From now on the reader must be told what it may have missed.
    pub(super) fn open(&self, queue: &Queue) {
        let _state = lock(&self.state);
        queue.open();
    }

    /// Removes a reader; whether it was the last.
    pub(super) fn leave(&self, queue: &Arc<Queue>) -> bool {
        let mut state = lock(&self.state);
        state.queues.retain(|other| !Arc::ptr_eq(other, queue));
        state.queues.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.state).queues.is_empty()
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(lock(&self.state).subscription, Subscription::Confirmed(_))
    }

    pub(super) async fn gate(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().await
    }

    /// A subscription is about to be asked for.
    pub(super) fn ask(&self, link: LinkId) {
        lock(&self.state).subscription = Subscription::Asked(link);
    }

    /// It was given, unless the connection has been lost meanwhile. Those who read already
    /// may have missed what came before.
    pub(super) fn confirm(&self, link: &LinkId) -> bool {
        let mut state = lock(&self.state);
        let is_given = matches!(&state.subscription, Subscription::Asked(asked) if asked == link);
        if is_given {
            state.subscription = Subscription::Confirmed(link.clone());
            state.queues.iter().for_each(|queue| queue.miss());
        }
        is_given
    }

    /// Its subscription on `link` is lost; whether it had one.
    pub(super) fn lose(&self, link: &LinkId) -> bool {
        let mut state = lock(&self.state);
        let is_on_link = match &state.subscription {
            Subscription::Asked(on) | Subscription::Confirmed(on) => on == link,
            Subscription::None => false,
        };
        if is_on_link {
            state.subscription = Subscription::None;
        }
        is_on_link
    }

    /// Gives up the subscription; where it was.
    pub(super) fn take_down(&self) -> Option<LinkId> {
        match std::mem::take(&mut lock(&self.state).subscription) {
            Subscription::Asked(link) | Subscription::Confirmed(link) => Some(link),
            Subscription::None => None,
        }
    }

    pub(super) fn bring(&self, entries: &[Arc<Entry>], bytes: usize) {
        let state = lock(&self.state);
        state
            .queues
            .iter()
            .for_each(|queue| queue.push(entries, bytes));
    }

    pub(super) fn pass(&self, event: &Event) {
        let state = lock(&self.state);
        state.queues.iter().for_each(|queue| queue.pass(event));
    }

    pub(super) fn miss(&self) {
        let state = lock(&self.state);
        state.queues.iter().for_each(|queue| queue.miss());
    }
}
