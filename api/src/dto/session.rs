//! Sessions.

use super::message::MessageDto;
use crate::sse::Profile;
use crate::ui_message::{self, UiMessage};
use copilot_core::{
    clock::Timestamp,
    port::store::{Exchanges, Listed},
    session::{ActiveStream, Session, SessionSnapshot, SessionStatus},
};
use poem_openapi::{Enum, Object, Union};
use uuid::Uuid;

/// What a session is doing
#[derive(Clone, Copy, Enum)]
#[oai(rename = "SessionStatus", rename_all = "lowercase")]
pub(crate) enum SessionStatusDto {
    Idle,
    Queued,
    Running,
    Paused,
}

impl From<SessionStatus> for SessionStatusDto {
    fn from(status: SessionStatus) -> Self {
        match status {
            SessionStatus::Idle => Self::Idle,
            SessionStatus::Queued => Self::Queued,
            SessionStatus::Running => Self::Running,
            SessionStatus::Paused => Self::Paused,
        }
    }
}

/// A new session
#[derive(Object)]
pub(crate) struct CreatedSession {
    /// Its id
    id: Uuid,
    /// When it was made
    created_at: Timestamp,
    /// Its owner
    user_id: Option<String>,
}

impl From<Session> for CreatedSession {
    fn from(session: Session) -> Self {
        let user_id = session.user_id.map(|user| user.as_str().to_owned());
        Self {
            id: session.id.uuid(),
            created_at: session.created_at,
            user_id,
        }
    }
}

/// A session in a list
#[derive(Object)]
pub(crate) struct SessionSummary {
    /// Its id
    id: Uuid,
    /// The id that an AI SDK client chose for it
    client_id: Option<String>,
    /// When it was made
    created_at: Timestamp,
    /// Moves with an accepted message, a claim, a turn's end and a rename
    updated_at: Timestamp,
    /// Its title
    title: Option<String>,
    /// What it is doing
    status: SessionStatusDto,
}

impl From<Session> for SessionSummary {
    fn from(session: Session) -> Self {
        Self {
            id: session.id.uuid(),
            client_id: session.client_id,
            created_at: session.created_at,
            updated_at: session.updated_at,
            title: session.title,
            status: session.status.into(),
        }
    }
}

/// A page of the caller's sessions, newest first
#[derive(Object)]
pub(crate) struct SessionList {
    /// The page
    sessions: Vec<SessionSummary>,
    /// How many there are in all
    total: u64,
}

impl From<Listed<Session>> for SessionList {
    fn from(listed: Listed<Session>) -> Self {
        Self {
            sessions: listed.items.into_iter().map(Into::into).collect(),
            total: listed.total,
        }
    }
}

/// The oldest unfinished turn
#[derive(Object)]
#[oai(rename = "ActiveStream")]
pub(crate) struct ActiveStreamDto {
    /// The turn
    turn_id: Uuid,
    /// The newest stored message; for information
    last_message_id: Option<Uuid>,
    /// When it first ran; null while it waits
    started_at: Option<Timestamp>,
}

impl From<ActiveStream> for ActiveStreamDto {
    fn from(active: ActiveStream) -> Self {
        Self {
            turn_id: active.turn_id.uuid(),
            last_message_id: active
                .last_message_id
                .map(copilot_core::id::MessageId::uuid),
            started_at: active.started_at,
        }
    }
}

/// How messages are shown
#[derive(Clone, Copy, Default, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub(crate) enum MessageFormat {
    /// As they are stored
    #[default]
    Stored,
    /// As the AI SDK's UIMessages, one for each answer
    Ui,
}

/// A message, in one of the two formats
#[derive(Union)]
#[oai(one_of)]
#[expect(
    clippy::large_enum_variant,
    reason = "all messages of an answer are of the same kind, mostly the larger one"
)]
pub(crate) enum ShownMessage {
    Stored(MessageDto),
    Ui(UiMessage),
}

/// A session with its messages
#[derive(Object)]
pub(crate) struct SessionDetail {
    /// Its id
    id: Uuid,
    /// The id that an AI SDK client chose for it
    client_id: Option<String>,
    /// When it was made
    created_at: Timestamp,
    /// Moves with an accepted message, a claim, a turn's end and a rename
    updated_at: Timestamp,
    /// Its owner
    user_id: Option<String>,
    /// Its title
    title: Option<String>,
    /// What it is doing
    status: SessionStatusDto,
    /// Its messages in the order that the model sees
    messages: Vec<ShownMessage>,
    /// The oldest unfinished turn
    active_stream: Option<ActiveStreamDto>,
    /// Whether there are older messages
    has_more_messages: bool,
    /// The `sequence` of the oldest message here, to ask for the ones before it
    oldest_sequence: Option<i64>,
}

impl SessionDetail {
    /// How many messages it has here.
    pub(crate) const fn size(&self) -> usize {
        self.messages.len()
    }

    /// The same session, its messages as UIMessages.
    pub(crate) fn with_exchanges(self, exchanges: Exchanges, profile: Profile) -> Self {
        let Exchanges { items, has_more } = exchanges;
        let oldest = items.first().map(|exchange| exchange.opening.sequence);
        let messages = ui_message::messages_of(items, profile);
        Self {
            messages: messages.into_iter().map(ShownMessage::Ui).collect(),
            has_more_messages: has_more,
            oldest_sequence: oldest,
            ..self
        }
    }
}

impl From<SessionSnapshot> for SessionDetail {
    fn from(snapshot: SessionSnapshot) -> Self {
        let SessionSnapshot {
            session,
            messages,
            active_stream,
            has_more,
        } = snapshot;
        Self {
            id: session.id.uuid(),
            client_id: session.client_id,
            created_at: session.created_at,
            updated_at: session.updated_at,
            user_id: session.user_id.map(|user| user.as_str().to_owned()),
            title: session.title,
            status: session.status.into(),
            oldest_sequence: messages.first().map(|message| message.sequence),
            messages: messages
                .into_iter()
                .map(|message| ShownMessage::Stored(message.into()))
                .collect(),
            active_stream: active_stream.map(Into::into),
            has_more_messages: has_more,
        }
    }
}
