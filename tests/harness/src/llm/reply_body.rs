//! The body of a streamed reply: sends, waits, breaks.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame};

use super::frames::Step;
use super::reply::Mark;
use super::upstream::OpenReply;

/// A body that hyper can send; its error breaks the connection.
pub(super) type ReplyBody = UnsyncBoxBody<Bytes, io::Error>;

/// A body that is there at once.
pub(super) fn full(bytes: Bytes) -> ReplyBody {
    Full::new(bytes)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

/// A body that acts out `steps`; `open` is told whether it came to the end.
pub(super) fn steps(steps: Vec<Step>, open: OpenReply) -> ReplyBody {
    UnsyncBoxBody::new(Steps {
        rest: steps.into_iter(),
        waiting: None,
        breaks: false,
        open,
    })
}

struct Steps {
    rest: std::vec::IntoIter<Step>,
    waiting: Option<BoxFuture<'static, ()>>,
    breaks: bool,
    open: OpenReply,
}

impl Body for Steps {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                std::task::ready!(waiting.poll_unpin(context));
                self.waiting = None;
            }
            if self.breaks {
                self.open.complete();
                return Poll::Ready(Some(Err(io::Error::other("the test breaks this reply"))));
            }
            match self.rest.next() {
                Some(Step::Send(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Step::Do(mark)) => self.waiting = Some(act(mark)),
                Some(Step::Hang) => self.waiting = Some(futures::future::pending().boxed()),
                Some(Step::Break) => {
                    // One turn of the connection's task, so that what was sent is written.
                    self.waiting = Some(tokio::task::yield_now().boxed());
                    self.breaks = true;
                }
                None => {
                    self.open.complete();
                    return Poll::Ready(None);
                }
            }
        }
    }
}

/// Do what stands between two deltas.
fn act(mark: Mark) -> BoxFuture<'static, ()> {
    match mark {
        Mark::Gate(gate) => async move { gate.pass().await }.boxed(),
        Mark::Wait(wait) => tokio::time::sleep(wait).boxed(),
        Mark::Raw(_) => futures::future::ready(()).boxed(),
    }
}
