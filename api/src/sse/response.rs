//! The body of an event stream.
//!
//! It ends cleanly only behind `finish` and `[DONE]`. When the turn goes on but this response
//! cannot, it says so and then *fails*: the server drops the connection without the body's
//! last chunk, and the client knows that something is missing.
//!
//! No task stands behind it: it is driven by whoever writes the response, at the pace at
//! which the client reads, and what a slow client has not read waits in the turn's history.

use super::{
    farewell::{Farewell, Reason},
    frame::Frame,
    source::ShownSource,
    translator::{Told, Translator},
};
use bytes::Bytes;
use copilot_core::{event::Event, service::reading::Shown};
use futures::{Stream, stream::unfold};
use std::{io, pin::Pin, time::Duration, vec};
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The first bytes: enough that proxies which gather small pieces pass it on.
static PADDING: [u8; 2052] = {
    let mut padding = [b' '; 2052];
    padding[0] = b':';
    padding[2050] = b'\n';
    padding[2051] = b'\n';
    padding
};
const HEARTBEAT: &[u8] = b": heartbeat\n\n";
/// A long history goes out in pieces of about this size.
const PIECE_BYTES: usize = 64 << 10;
/// Time for the last words to leave before the connection breaks.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// How long a response may be silent, and how long it may last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) heartbeat: Duration,
    pub(crate) connection_limit: Option<Duration>,
}

/// Everything that one open response holds.
struct Telling<S> {
    source: S,
    translator: Translator,
    frame: Frame,
    /// What did not fit into the last piece.
    waiting: vec::IntoIter<Shown>,
    stage: Stage,
    patience: Patience,
    sent_at: Instant,
    ends_at: Option<Instant>,
    /// Fires for heartbeats and for the limit; set late on purpose, so that a piece of the
    /// body costs no timer.
    alarm: Pin<Box<Sleep>>,
    is_breaking: Pin<Box<WaitForCancellationFutureOwned>>,
    breaking: CancellationToken,
    farewell: Farewell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Padding,
    Telling,
    /// The last words are out; the connection breaks next.
    Breaking,
    Over,
}

/// The body that tells `source`.
pub(crate) fn body<S: ShownSource>(
    source: S,
    translator: Translator,
    frame: Frame,
    farewell: Farewell,
    patience: Patience,
    breaking: CancellationToken,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let now = Instant::now();
    let ends_at = patience.connection_limit.map(|limit| now + limit);
    let telling = Telling {
        source,
        translator,
        frame,
        waiting: Vec::new().into_iter(),
        stage: Stage::Padding,
        patience,
        sent_at: now,
        ends_at,
        alarm: Box::pin(sleep_until(earlier(now + patience.heartbeat, ends_at))),
        is_breaking: Box::pin(breaking.clone().cancelled_owned()),
        breaking,
        farewell,
    };
    unfold(Box::new(telling), |mut telling| async {
        let piece = telling.next().await?;
        Some((piece, telling))
    })
}

impl<S: ShownSource> Telling<S> {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        match self.stage {
            Stage::Padding => {
                self.stage = Stage::Telling;
                Some(Ok(self.counted(Bytes::from_static(&PADDING))))
            }
            Stage::Telling => {
                let piece = self.tell().await;
                Some(Ok(self.counted(piece)))
            }
            Stage::Breaking => {
                sleep(LAST_WORDS).await;
                self.stage = Stage::Over;
                Some(Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "the turn goes on elsewhere",
                )))
            }
            Stage::Over => None,
        }
    }

    async fn tell(&mut self) -> Bytes {
        if self.breaking.is_cancelled() {
            return self.part(Reason::Shutdown);
        }
        if self.ends_at.is_some_and(|end| end <= Instant::now()) {
            return self.part(Reason::ConnectionLimit);
        }
        if !self.waiting.as_slice().is_empty() {
            return self.write();
        }
        loop {
            tokio::select! {
                biased;
                shown = self.source.next() => {
                    if shown.is_empty() {
                        // The client's cursor was that of the end.
                        self.frame.done();
                        self.end(Stage::Over, Reason::Finished);
                        return self.frame.take();
                    }
                    self.waiting = shown.into_iter();
                    let piece = self.write();
                    if !piece.is_empty() {
                        return piece;
                    }
                }
                () = &mut self.is_breaking => return self.part(Reason::Shutdown),
                () = &mut self.alarm => {
                    let now = Instant::now();
                    if self.ends_at.is_some_and(|end| end <= now) {
                        return self.part(Reason::ConnectionLimit);
                    }
                    let is_silent = now >= self.sent_at + self.patience.heartbeat;
                    let since = if is_silent { now } else { self.sent_at };
                    let next = earlier(since + self.patience.heartbeat, self.ends_at);
                    self.alarm.as_mut().reset(next);
                    if is_silent {
                        return Bytes::from_static(HEARTBEAT);
                    }
                }
            }
        }
    }

    /// Writes what waits, up to a piece's size.
    fn write(&mut self) -> Bytes {
        while let Some(shown) = self.waiting.next() {
            match self.translator.write(&shown, &mut self.frame) {
                Told::Part => {}
                Told::All => {
                    self.frame.done();
                    self.end(Stage::Over, Reason::Finished);
                    break;
                }
                Told::Broken => return self.part(Reason::Error),
            }
            if self.frame.len() >= PIECE_BYTES {
                break;
            }
        }
        if self.waiting.as_slice().is_empty() {
            // Lets the list's memory go while nothing happens.
            self.waiting = Vec::new().into_iter();
        }
        self.frame.take()
    }

    /// Says that the client should come back. What was written before goes out with it.
    fn part(&mut self, reason: Reason) -> Bytes {
        self.frame.event(None, &Event::status("reconnect"));
        self.end(Stage::Breaking, reason);
        self.frame.take()
    }

    fn end(&mut self, stage: Stage, reason: Reason) {
        self.stage = stage;
        self.farewell.reason = reason;
    }

    fn counted(&mut self, piece: Bytes) -> Bytes {
        self.sent_at = Instant::now();
        self.farewell.count(piece.len(), self.frame.events());
        piece
    }
}

impl<S> Drop for Telling<S> {
    fn drop(&mut self) {
        // Cut off by the server: nobody else says so.
        if self.farewell.reason == Reason::ClientGone && self.breaking.is_cancelled() {
            self.farewell.reason = Reason::Shutdown;
        }
    }
}

fn earlier(alarm: Instant, end: Option<Instant>) -> Instant {
    end.map_or(alarm, |end| end.min(alarm))
}

#[cfg(test)]
mod tests {
    use super::{super::profile::Profile, *};
    use crate::metrics::ApiMetrics;
    use copilot_core::{
        event::{Entry, FinishMetadata},
        position::Position,
        turn::{FinishReason, TurnKey, Usage},
    };
    use copilot_runtime::metrics::Registry;
    use futures::StreamExt;
    use std::sync::Arc;
    use tokio::sync::mpsc;
    use uuid::Uuid;

    const HEARTBEAT_EVERY: Duration = Duration::from_millis(200);

    struct Scripted(mpsc::UnboundedReceiver<Vec<Shown>>);

    impl ShownSource for Scripted {
        async fn next(&mut self) -> Vec<Shown> {
            match self.0.recv().await {
                Some(shown) => shown,
                None => std::future::pending().await,
            }
        }
    }

    struct Fixture {
        script: mpsc::UnboundedSender<Vec<Shown>>,
        breaking: CancellationToken,
        body: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    }

    fn fixture(connection_limit: Option<Duration>) -> Fixture {
        let (script, source) = mpsc::unbounded_channel();
        let key = TurnKey {
            session_id: Uuid::nil().into(),
            turn_id: Uuid::nil().into(),
        };
        let breaking = CancellationToken::new();
        let body = body(
            Scripted(source),
            Translator::new(Profile::V5),
            Frame::new(key.turn_id),
            Farewell::new(key, false, &ApiMetrics::register(&mut Registry::default())),
            Patience {
                heartbeat: HEARTBEAT_EVERY,
                connection_limit,
            },
            breaking.clone(),
        );
        Fixture {
            script,
            breaking,
            body: Box::pin(body),
        }
    }

    impl Fixture {
        /// The next piece; none at a clean end, an error at a break.
        async fn piece(&mut self) -> Result<Option<String>, io::Error> {
            let piece = self.body.next().await.transpose()?;
            Ok(piece.map(|piece| String::from_utf8(piece.to_vec()).unwrap()))
        }
    }

    fn entry(unit: u64, event: Event) -> Shown {
        Shown::Entry(Arc::new(Entry::new(Position::new(1, unit), event)))
    }

    fn finish() -> Event {
        Event::Finish {
            message_metadata: FinishMetadata {
                usage: Usage::default(),
                finish_reason: FinishReason::Stop,
                turn_id: Uuid::nil().into(),
            },
        }
    }

    #[tokio::test]
    async fn padding_first_then_each_wake_up_in_one_piece_then_a_clean_end() {
        let mut fixture = fixture(None);
        let padding = fixture.piece().await.unwrap().unwrap();
        assert!(padding.len() > 2048 && padding.starts_with(": ") && padding.ends_with(" \n\n"));

        fixture
            .script
            .send(vec![
                entry(1, Event::StartStep),
                entry(2, Event::FinishStep),
            ])
            .unwrap();
        fixture.script.send(vec![entry(3, finish())]).unwrap();
        let nil = Uuid::nil().simple();
        assert_eq!(
            fixture.piece().await.unwrap().unwrap(),
            format!(
                "id: {nil}.1-1\ndata: {{\"type\":\"start-step\"}}\n\n\
                 id: {nil}.1-2\ndata: {{\"type\":\"finish-step\"}}\n\n"
            )
        );
        let last = fixture.piece().await.unwrap().unwrap();
        assert!(
            last.starts_with(&format!("id: {nil}.1-3\n"))
                && last.ends_with("}\n\ndata: [DONE]\n\n")
        );
        assert_eq!(fixture.piece().await.unwrap(), None);
    }

    #[tokio::test]
    async fn silence_is_broken_by_heartbeats_which_count_from_the_last_piece() {
        let mut fixture = fixture(None);
        fixture.piece().await.unwrap();
        sleep(HEARTBEAT_EVERY / 2).await;
        fixture
            .script
            .send(vec![entry(1, Event::StartStep)])
            .unwrap();
        assert!(
            fixture
                .piece()
                .await
                .unwrap()
                .unwrap()
                .contains("start-step")
        );
        let mut last = Instant::now();
        for _ in 0..2 {
            assert_eq!(fixture.piece().await.unwrap().unwrap(), ": heartbeat\n\n");
            // The timer counts from a moment earlier and in whole milliseconds.
            assert!(last.elapsed() + Duration::from_millis(5) > HEARTBEAT_EVERY);
            last = Instant::now();
        }
    }

    async fn breaks(fixture: &mut Fixture) {
        let words = fixture.piece().await.unwrap().unwrap();
        assert_eq!(
            words,
            "data: {\"type\":\"data-status\",\"data\":{\"message\":\"reconnect\"},\"transient\":true}\n\n"
        );
        assert!(fixture.piece().await.is_err());
    }

    #[tokio::test]
    async fn a_limit_a_shutdown_and_a_lost_stream_break_without_an_end() {
        let mut limited = fixture(Some(Duration::from_millis(20)));
        limited.piece().await.unwrap();
        breaks(&mut limited).await;

        let mut stopped = fixture(None);
        stopped.piece().await.unwrap();
        stopped.breaking.cancel();
        breaks(&mut stopped).await;

        let mut lost = fixture(None);
        lost.piece().await.unwrap();
        lost.script.send(vec![Shown::Broken]).unwrap();
        breaks(&mut lost).await;
    }

    #[tokio::test]
    async fn a_busy_stream_breaks_too() {
        let mut fixture = fixture(None);
        fixture.piece().await.unwrap();
        fixture
            .script
            .send(vec![entry(1, Event::StartStep)])
            .unwrap();
        fixture.breaking.cancel();
        breaks(&mut fixture).await;
    }

    #[tokio::test]
    async fn a_cursor_at_the_end_is_answered_by_the_end() {
        let mut fixture = fixture(None);
        fixture.piece().await.unwrap();
        fixture.script.send(Vec::new()).unwrap();
        assert_eq!(fixture.piece().await.unwrap().unwrap(), "data: [DONE]\n\n");
        assert_eq!(fixture.piece().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_long_history_leaves_in_pieces_and_whole() {
        let mut fixture = fixture(None);
        fixture.piece().await.unwrap();
        let id = Position::new(1, 1);
        let delta = "x".repeat(10_000);
        let mut history: Vec<_> = (1..=20)
            .map(|nth| {
                entry(
                    nth * 10_000,
                    Event::TextDelta {
                        id,
                        delta: delta.clone(),
                    },
                )
            })
            .collect();
        history.push(entry(200_001, finish()));
        fixture.script.send(history).unwrap();
        let mut text = String::new();
        let mut pieces = 0;
        while let Some(piece) = fixture.piece().await.unwrap() {
            assert!(piece.len() < PIECE_BYTES + 20_000);
            text.push_str(&piece);
            pieces += 1;
        }
        assert!(pieces > 2);
        assert_eq!(text.matches("text-delta").count(), 20);
        assert_eq!(text.matches("[DONE]").count(), 1);
    }
}
