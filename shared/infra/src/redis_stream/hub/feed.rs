//! What waits for one reader, bounded.

use super::Hub;
use crate::redis_stream::lock;
use async_trait::async_trait;
use copilot_core::{
    event::{Entry, Event},
    port::stream::{Live, LiveFeed},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use tokio::sync::Notify;

/// Entries that may wait for a reader; beyond that it reads the history.
const MOST_ENTRIES: usize = 256;
/// Their size as they came.
const MOST_BYTES: usize = 1024 * 1024;
/// Passing events that may wait; older ones are dropped.
const MOST_PASSING: usize = 8;

/// A reader's queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    is_open: bool,
    is_missing: bool,
    entries: Vec<Arc<Entry>>,
    bytes: usize,
    passing: VecDeque<Event>,
}

impl Queue {
    pub(super) fn open(&self) {
        lock(&self.waiting).is_open = true;
    }

    pub(super) fn push(&self, entries: &[Arc<Entry>], bytes: usize) {
        let mut waiting = lock(&self.waiting);
        waiting.bytes += bytes;
        if waiting.entries.len() + entries.len() > MOST_ENTRIES || waiting.bytes > MOST_BYTES {
            waiting.drop_entries();
        } else {
            waiting.entries.extend_from_slice(entries);
        }
        self.changed.notify_one();
    }

    pub(super) fn pass(&self, event: &Event) {
        let mut waiting = lock(&self.waiting);
        waiting.passing.push_back(event.clone());
        if waiting.passing.len() > MOST_PASSING {
            waiting.passing.pop_front();
        }
        self.changed.notify_one();
    }

    /// Something may have been missed. Nothing is told to who has not begun to read.
    pub(super) fn miss(&self) {
        let mut waiting = lock(&self.waiting);
        if waiting.is_open {
            waiting.drop_entries();
            self.changed.notify_one();
        }
    }

    fn take(&self) -> Option<Live> {
        let mut waiting = lock(&self.waiting);
        if std::mem::take(&mut waiting.is_missing) {
            return Some(Live::Missed);
        }
        // First: after the last entry nobody reads on.
        if let Some(event) = waiting.passing.pop_front() {
            return Some(Live::Passing(event));
        }
        if waiting.entries.is_empty() {
            return None;
        }
        waiting.bytes = 0;
        Some(Live::Entries(std::mem::take(&mut waiting.entries)))
    }
}

impl Waiting {
    /// What waits is in the history too.
    fn drop_entries(&mut self) {
        self.entries = Vec::new();
        self.bytes = 0;
        self.is_missing = true;
    }
}

/// A reader's end of its queue.
pub(super) struct Feed {
    hub: Arc<Hub>,
    name: String,
    queue: Arc<Queue>,
}

impl Feed {
    pub(super) fn new(hub: Arc<Hub>, name: String, queue: Arc<Queue>) -> Self {
        Self { hub, name, queue }
    }
}

#[async_trait]
impl LiveFeed for Feed {
    async fn next(&mut self) -> Live {
        loop {
            if let Some(live) = self.queue.take() {
                return live;
            }
            self.queue.changed.notified().await;
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.hub.leave(&self.name, &self.queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilot_core::position::Position;

    fn entries(units: std::ops::RangeInclusive<u64>) -> Vec<Arc<Entry>> {
        units
            .map(|unit| Arc::new(Entry::new(Position::new(1, unit), Event::StartStep)))
            .collect()
    }

    #[test]
    fn a_reader_that_is_too_far_behind_is_told_and_then_goes_on() {
        let queue = Queue::default();
        queue.open();
        queue.push(&entries(1..=256), 1);
        queue.push(&entries(257..=257), 1);
        queue.push(&entries(258..=258), 1);
        assert!(matches!(queue.take(), Some(Live::Missed)));
        assert!(matches!(queue.take(), Some(Live::Entries(rest)) if rest.len() == 1));
        assert!(queue.take().is_none());
    }

    #[test]
    fn large_entries_count_by_their_size() {
        let queue = Queue::default();
        queue.open();
        queue.push(&entries(1..=1), MOST_BYTES);
        assert!(matches!(queue.take(), Some(Live::Entries(_))));
        queue.push(&entries(2..=2), MOST_BYTES + 1);
        assert!(matches!(queue.take(), Some(Live::Missed)));
    }

    #[test]
    fn who_has_not_begun_to_read_has_missed_nothing() {
        let queue = Queue::default();
        queue.push(&entries(1..=1), 1);
        queue.miss();
        assert!(matches!(queue.take(), Some(Live::Entries(_))));
    }

    #[test]
    fn a_passing_event_comes_before_the_end() {
        let queue = Queue::default();
        queue.pass(&Event::status("title"));
        queue.push(&entries(1..=1), 1);
        assert!(matches!(queue.take(), Some(Live::Passing(_))));
        assert!(matches!(queue.take(), Some(Live::Entries(_))));
    }

    #[test]
    fn of_passing_events_the_newest_stay() {
        let queue = Queue::default();
        for number in 0..20 {
            queue.pass(&Event::status(number.to_string()));
        }
        assert!(matches!(queue.take(), Some(Live::Passing(event)) if event == Event::status("12")));
    }
}
