//! The routes: unwrap the wire, call one service, wrap the wire.

pub(crate) mod ai_sdk;
pub(crate) mod cancel;
pub(crate) mod config;
pub(crate) mod health;
pub(crate) mod page;
pub(crate) mod schema;
pub(crate) mod sessions;
pub(crate) mod stream;
pub(crate) mod turns;

use crate::sse::EventStream;
use poem_openapi::ApiResponse;

/// An event stream, or nothing to tell.
#[derive(ApiResponse)]
pub(crate) enum MaybeStream {
    /// The events
    #[oai(status = 200)]
    Open(EventStream),
    /// No turn is unfinished
    #[oai(status = 204)]
    Nothing,
}

/// An event stream.
#[derive(ApiResponse)]
pub(crate) enum Stream {
    /// The events
    #[oai(status = 200)]
    Open(EventStream),
}
