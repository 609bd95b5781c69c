//! Opening an event stream.

use super::{
    farewell::Farewell,
    frame::Frame,
    payload::EventStream,
    profile::Profile,
    response::{Patience, body},
    translator::Translator,
};
use crate::{error::ApiError, state::ApiState};
use copilot_core::{position::Position, turn::Turn};
use poem::Body;

/// How a turn's stream is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    /// The client's profile.
    pub(crate) profile: Profile,
    /// What the client has seen; [`Position::ZERO`]: nothing.
    pub(crate) after: Position,
    /// For the log: whether the client comes back.
    pub(crate) is_resumed: bool,
}

/// Opens the stream of `turn`.
pub(crate) async fn open(
    state: &ApiState,
    turn: &Turn,
    opening: Opening,
) -> Result<EventStream, ApiError> {
    let source = state.reading.open(turn, opening.after).await?;
    let patience = Patience {
        heartbeat: state.config.heartbeat,
        connection_limit: state.config.connection_limit,
    };
    let stream = body(
        source,
        Translator::new(opening.profile),
        Frame::new(turn.id),
        Farewell::new(turn.key(), opening.is_resumed, &state.metrics),
        patience,
        state.breaking.clone(),
    );
    Ok(EventStream(Body::from_bytes_stream(stream)))
}
