//! The turn queue as a list in memory.

use super::lock;
use async_trait::async_trait;
use copilot_core::{
    clock::{Clock, SystemClock, Timestamp},
    port::{
        PortError,
        queue::{Deliveries, Delivery, Hint, Receipt, TurnQueue},
    },
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Hints kept by default.
const DEFAULT_CAPACITY: usize = 10_000;

/// A bounded queue of hints.
///
/// A hint that finds the queue full is dropped and reported as published: a hint carries no
/// promise, and whoever empties the queue finds the turn in the table. Hints that come back
/// unacknowledged go to the front, also of a full queue.
#[derive(Clone)]
pub struct InProcessQueue {
    shared: Arc<Shared>,
}

/// A hint and when it came.
type Waiting = (Hint, Timestamp);

struct Shared {
    waiting: Mutex<VecDeque<Waiting>>,
    clock: Arc<dyn Clock>,
    arrived: Notify,
    capacity: usize,
}

impl Default for InProcessQueue {
    fn default() -> Self {
        Self::new(DEFAULT_CAPACITY)
    }
}

impl InProcessQueue {
    /// A queue that keeps at most `capacity` hints.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let shared = Shared {
            waiting: Mutex::default(),
            clock: Arc::new(SystemClock),
            arrived: Notify::new(),
            capacity,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// How many hints wait.
    #[must_use]
    pub fn depth(&self) -> usize {
        lock(&self.shared.waiting).len()
    }
}

impl Shared {
    /// Puts back what came back, oldest first, before all others.
    fn give_back(&self, hints: impl DoubleEndedIterator<Item = Waiting>) {
        let mut waiting = lock(&self.waiting);
        for hint in hints.rev() {
            waiting.push_front(hint);
            self.arrived.notify_one();
        }
    }

    fn take(&self) -> Option<Waiting> {
        let mut waiting = lock(&self.waiting);
        let taken = waiting.pop_front();
        // One wake-up may have stood for several hints.
        if !waiting.is_empty() {
            self.arrived.notify_one();
        }
        taken
    }
}

#[async_trait]
impl TurnQueue for InProcessQueue {
    async fn publish(&self, hint: Hint) -> Result<(), PortError> {
        let enqueued_at = self.shared.clock.now();
        let mut waiting = lock(&self.shared.waiting);
        if waiting.len() < self.shared.capacity {
            waiting.push_back((hint, enqueued_at));
            self.shared.arrived.notify_one();
        }
        Ok(())
    }

    async fn consume(&self, prefetch: u16) -> Result<Box<dyn Deliveries>, PortError> {
        Ok(Box::new(Consumer {
            shared: Arc::clone(&self.shared),
            free: Arc::new(Semaphore::new(usize::from(prefetch))),
            out: Arc::default(),
            next_tag: 0,
        }))
    }
}

/// What a consumer has taken and not acknowledged, by the order of taking.
type Outstanding = Arc<Mutex<BTreeMap<u64, Waiting>>>;

struct Consumer {
    shared: Arc<Shared>,
    free: Arc<Semaphore>,
    out: Outstanding,
    next_tag: u64,
}

#[async_trait]
impl Deliveries for Consumer {
    async fn next(&mut self) -> Result<Delivery, PortError> {
        let permit = Arc::clone(&self.free)
            .acquire_owned()
            .await
            .map_err(|error| PortError::broken("take a hint", error))?;
        let taken = loop {
            let arrived = self.shared.arrived.notified();
            if let Some(taken) = self.shared.take() {
                break taken;
            }
            arrived.await;
        };
        let tag = self.next_tag;
        self.next_tag += 1;
        let (hint, enqueued_at) = taken.clone();
        lock(&self.out).insert(tag, taken);
        let receipt = HintReceipt {
            shared: Arc::clone(&self.shared),
            out: Arc::clone(&self.out),
            tag,
            _slot: permit,
        };
        Ok(Delivery {
            hint,
            enqueued_at,
            receipt: Box::new(receipt),
        })
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let unacknowledged = std::mem::take(&mut *lock(&self.out));
        self.shared.give_back(unacknowledged.into_values());
    }
}

struct HintReceipt {
    shared: Arc<Shared>,
    out: Outstanding,
    tag: u64,
    _slot: OwnedSemaphorePermit,
}

#[async_trait]
impl Receipt for HintReceipt {
    async fn ack(self: Box<Self>) {
        lock(&self.out).remove(&self.tag);
    }
}

impl Drop for HintReceipt {
    fn drop(&mut self) {
        // Acknowledged, or given back by its consumer, it is not there any more.
        let unacknowledged = lock(&self.out).remove(&self.tag);
        self.shared.give_back(unacknowledged.into_iter());
    }
}
