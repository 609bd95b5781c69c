//! A reply on its way, as a stream of deltas.

use super::{
    decoder::{Decoder, ReadEvent},
    failure,
};
use crate::{provider::Delta, provider_error::ProviderError};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream::BoxStream};
use reqwest::Response;
use std::{
    collections::VecDeque,
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Sleep;

/// A server that keeps the body open behind its end marker loses the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(50);

/// The body of a reply, taken apart as its bytes come.
pub(super) struct Reply<R> {
    /// None once the reply has ended, well or not.
    body: Option<BoxStream<'static, reqwest::Result<Bytes>>>,
    decoder: Decoder<R>,
    ready: VecDeque<Delta>,
    /// How long the end marker still waits for the end of the body.
    closing: Option<Pin<Box<Sleep>>>,
}

impl<R: ReadEvent> Reply<R> {
    pub(super) fn new(response: Response, reader: R) -> Self {
        Self {
            body: Some(response.bytes_stream().boxed()),
            decoder: Decoder::new(reader),
            ready: VecDeque::new(),
            closing: None,
        }
    }

    /// Reads up to the body's end, which comes right behind the end marker: only then can the
    /// connection serve the next call.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Some(body) = &mut self.body {
            match body.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(None | Some(Err(_))) => self.body = None,
                Poll::Pending => {
                    let closing = self
                        .closing
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep(CLOSE_TIMEOUT)));
                    std::task::ready!(closing.as_mut().poll(context));
                    self.body = None;
                }
            }
        }
        Poll::Ready(())
    }
}

impl<R: ReadEvent> Stream for Reply<R> {
    type Item = Result<Delta, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if matches!(this.ready.front(), Some(Delta::End(_))) {
                std::task::ready!(this.poll_close(context));
            }
            if let Some(delta) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(delta)));
            }
            let Some(body) = &mut this.body else {
                return match this.decoder.take_error() {
                    Some(error) => Poll::Ready(Some(Err(error))),
                    None => Poll::Ready(None),
                };
            };
            match std::task::ready!(body.poll_next_unpin(context)) {
                Some(Ok(bytes)) => this.decoder.push(&bytes, &mut this.ready),
                Some(Err(error)) => this.decoder.fail(failure::of_body(&error)),
                None => this.decoder.end(&mut this.ready),
            }
            if this.decoder.has_failed() {
                // What came whole before the fault is handed on first.
                this.body = None;
            }
        }
    }
}
