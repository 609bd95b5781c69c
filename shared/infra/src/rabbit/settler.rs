//! Tells the broker what became of deliveries, in a task of its own: whoever drops a receipt
//! cannot wait.

use super::session::{ANSWER_LIMIT, Session};
use lapin::{
    Acker, Channel,
    options::{BasicAckOptions, BasicNackOptions},
};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What became of a delivery.
#[derive(Clone, Copy)]
pub(super) enum Verdict {
    /// Dealt with.
    Done,
    /// To be delivered again.
    Again,
    /// For the dead letters.
    Dead,
}

/// Verdicts wait here; there are never more than deliveries are out.
pub(super) type Verdicts = mpsc::Sender<(Acker, Verdict)>;

/// Settles the deliveries of one consumer, then closes its channel.
pub(super) struct Settler {
    pub session: Arc<Session>,
    pub channel: Channel,
    pub verdicts: mpsc::Receiver<(Acker, Verdict)>,
    /// Cancelled when the consumer was dropped.
    pub dropped: CancellationToken,
}

impl Settler {
    /// Works until the consumer or the connection is gone. What is still out then goes back.
    pub(super) async fn run(mut self) {
        let ended = self.session.ended().clone();
        loop {
            tokio::select! {
                biased;
                () = ended.cancelled() => return,
                verdict = self.verdicts.recv() => match verdict {
                    Some((acker, verdict)) => settle(&acker, verdict).await,
                    None => break,
                },
                () = self.dropped.cancelled() => break,
            }
        }
        while let Ok((acker, verdict)) = self.verdicts.try_recv() {
            settle(&acker, verdict).await;
        }
        let closing = self.channel.close(200, "OK".into());
        // If it fails, the connection is gone, and with it the channel.
        tokio::time::timeout(ANSWER_LIMIT, closing).await.ok();
    }
}

/// A failure costs nothing: the hint comes again and is refused.
async fn settle(acker: &Acker, verdict: Verdict) {
    let back = |requeue| BasicNackOptions {
        requeue,
        ..BasicNackOptions::default()
    };
    let told = async {
        match verdict {
            Verdict::Done => acker.ack(BasicAckOptions::default()).await,
            Verdict::Again => acker.nack(back(true)).await,
            Verdict::Dead => acker.nack(back(false)).await,
        }
    };
    match tokio::time::timeout(ANSWER_LIMIT, told).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "delivery not settled"),
        Err(_) => tracing::debug!("delivery not settled in time"),
    }
}
