use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::SecondsFormat;
use copilot_core::id::UserId;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use super::event::UserMessage;
use super::webhook::Webhook;
use crate::settings::TrackingSettings;

/// Events that wait to be sent.
const QUEUE: usize = 1024;
/// Events that are sent at a time.
const AT_ONCE: usize = 8;
/// For what waits when the process stops.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);
/// Between two lines about lost events.
const REPORT_EVERY: Duration = Duration::from_mins(1);

/// The webhook's client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("tracking.url: the HTTP client cannot be made")]
pub struct TrackingError(#[from] reqwest::Error);

/// Takes events. It never waits and never fails.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    /// None: nobody wants them.
    queue: Option<mpsc::Sender<UserMessage>>,
    lost: Arc<AtomicU64>,
}

/// Sends what a [`Tracker`] takes.
pub struct TrackingWorker {
    receiver: mpsc::Receiver<UserMessage>,
    sink: Sink,
    lost: Arc<AtomicU64>,
}

enum Sink {
    Nowhere,
    Log,
    Webhook(Webhook),
}

/// The two ends of the queue.
pub fn tracking(settings: &TrackingSettings) -> Result<(Tracker, TrackingWorker), TrackingError> {
    let sink = match settings {
        TrackingSettings::None => Sink::Nowhere,
        TrackingSettings::Log => Sink::Log,
        TrackingSettings::Webhook(url) => Sink::Webhook(Webhook::new(url.clone())?),
    };
    let (sender, receiver) = mpsc::channel(QUEUE);
    let tracker = Tracker {
        queue: (!matches!(sink, Sink::Nowhere)).then_some(sender),
        lost: Arc::default(),
    };
    let worker = TrackingWorker {
        receiver,
        sink,
        lost: Arc::clone(&tracker.lost),
    };
    Ok((tracker, worker))
}

impl Tracker {
    /// Hands an event over; a full queue loses it.
    pub fn track(&self, event: UserMessage) {
        let Some(queue) = &self.queue else {
            return;
        };
        if queue.try_send(event).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl TrackingWorker {
    /// Sends until `stop`, then what waits, in bounded time.
    pub async fn run(self, stop: CancellationToken) {
        let Self {
            mut receiver,
            sink,
            lost,
        } = self;
        let mut sending = FuturesUnordered::new();
        let mut report = interval_at(Instant::now() + REPORT_EVERY, REPORT_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(event) = receiver.recv(), if sending.len() < AT_ONCE => {
                    sending.push(sink.send(event, &lost));
                }
                Some(()) = sending.next() => {}
                _ = report.tick() => tell(&lost),
            }
        }
        receiver.close();
        let flushing = async {
            loop {
                tokio::select! {
                    event = receiver.recv(), if sending.len() < AT_ONCE => match event {
                        Some(event) => sending.push(sink.send(event, &lost)),
                        None => break,
                    },
                    Some(()) = sending.next() => {}
                }
            }
            while sending.next().await.is_some() {}
        };
        if timeout(FLUSH_LIMIT, flushing).await.is_err() {
            count(&lost, receiver.len() + sending.len());
        }
        tell(&lost);
    }
}

impl Sink {
    async fn send(&self, event: UserMessage, lost: &AtomicU64) {
        match self {
            Self::Nowhere => {}
            Self::Log => log(&event),
            Self::Webhook(webhook) => {
                if let Err(error) = webhook.send(&event).await {
                    tracing::debug!(turn_id = %event.turn_id, %error, "tracking event lost");
                    count(lost, 1);
                }
            }
        }
    }
}

fn log(event: &UserMessage) {
    tracing::info!(
        event = "user_message",
        user_id = event.user_id.as_ref().map(UserId::tail),
        session_id = event.session_id.tag(),
        turn_id = %event.turn_id,
        message_length = event.message_length,
        file_count = event.file_count,
        at = %event.at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "tracking"
    );
}

fn count(lost: &AtomicU64, events: usize) {
    let events = u64::try_from(events).unwrap_or(u64::MAX);
    lost.fetch_add(events, Ordering::Relaxed);
}

/// One line for all that were lost since the last one.
fn tell(lost: &AtomicU64) {
    let events = lost.swap(0, Ordering::Relaxed);
    if events > 0 {
        tracing::warn!(events, "tracking events lost");
    }
}

#[cfg(test)]
mod tests {
    use copilot_core::clock::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn event() -> UserMessage {
        UserMessage {
            user_id: None,
            session_id: Uuid::nil().into(),
            turn_id: Uuid::nil().into(),
            message_length: 1,
            file_count: 0,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn a_full_queue_loses_and_counts_what_comes_on_top() {
        let (tracker, _worker) = tracking(&TrackingSettings::Log).unwrap();
        for _ in 0..QUEUE + 3 {
            tracker.track(event());
        }
        assert_eq!(tracker.lost.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn what_waits_is_sent_before_the_worker_ends() {
        let (tracker, worker) = tracking(&TrackingSettings::Log).unwrap();
        tracker.track(event());
        let stop = CancellationToken::new();
        stop.cancel();
        worker.run(stop).await;
        let queue = tracker.queue.as_ref().unwrap();
        assert!(queue.is_closed());
        assert_eq!(queue.capacity(), QUEUE, "the event was taken out");
    }

    #[tokio::test]
    async fn where_nobody_wants_events_none_are_kept() {
        let (tracker, _worker) = tracking(&TrackingSettings::None).unwrap();
        tracker.track(event());
        assert!(tracker.queue.is_none());
        assert_eq!(tracker.lost.load(Ordering::Relaxed), 0);
    }
}
