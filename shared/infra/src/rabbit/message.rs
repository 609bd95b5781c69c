//! What crosses the broker: JSON that holds ids, tagged with its version.

use chrono::{DateTime, Utc};
use copilot_core::{
    id::{SessionId, TurnId, UserId},
    port::queue::Hint,
    turn::TurnKey,
};
use lapin::{BasicProperties, message::Delivery};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The `type` of a hint.
const TURN: &str = "copilot.turn.v1";
/// The `type` of a cancel.
const CANCEL: &str = "copilot.cancel.v1";
/// No message of ours comes near it.
const LONGEST: usize = 64 * 1024;

const PERSISTENT: u8 = 2;

/// Why a message cannot be read; says nothing of what is in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it is of another type")]
    Type,
    #[error("it is too long")]
    Length,
    #[error("it is not the JSON of a {0}")]
    Json(&'static str),
}

/// A hint, as the broker has it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TurnMessage {
    session_id: SessionId,
    turn_id: TurnId,
    #[serde(default)]
    user_id: Option<UserId>,
    enqueued_at: DateTime<Utc>,
    #[serde(default)]
    traceparent: Option<String>,
}

impl TurnMessage {
    pub(super) fn new(hint: Hint, enqueued_at: DateTime<Utc>) -> Self {
        Self {
            session_id: hint.turn.session_id,
            turn_id: hint.turn.turn_id,
            user_id: hint.user_id,
            enqueued_at,
            traceparent: hint.traceparent,
        }
    }

    pub(super) fn into_parts(self) -> (Hint, DateTime<Utc>) {
        let hint = Hint {
            turn: TurnKey {
                session_id: self.session_id,
                turn_id: self.turn_id,
            },
            user_id: self.user_id,
            traceparent: self.traceparent,
        };
        (hint, self.enqueued_at)
    }
}

/// Kept over a restart of the broker.
pub(super) fn turn_properties() -> BasicProperties {
    properties(TURN).with_delivery_mode(PERSISTENT)
}

/// Not kept: after a restart nobody listens to it.
pub(super) fn cancel_properties() -> BasicProperties {
    properties(CANCEL)
}

/// Reads a hint.
pub(super) fn read_turn(delivery: &Delivery) -> Result<TurnMessage, Unreadable> {
    read(delivery, TURN)
}

/// Reads a cancel.
pub(super) fn read_cancel(delivery: &Delivery) -> Result<TurnKey, Unreadable> {
    read(delivery, CANCEL)
}

fn properties(kind: &'static str) -> BasicProperties {
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_type(kind.into())
}

fn read<T: DeserializeOwned>(delivery: &Delivery, kind: &'static str) -> Result<T, Unreadable> {
    let tag = delivery.properties.kind().as_ref();
    if tag.is_some_and(|tag| tag.as_str() != kind) {
        return Err(Unreadable::Type);
    }
    if delivery.data.len() > LONGEST {
        return Err(Unreadable::Length);
    }
    serde_json::from_slice(&delivery.data).map_err(|_| Unreadable::Json(kind))
}
