//! Sessions: who owns one, and what a list or a read shows of it.

use crate::{
    clock::Timestamp,
    id::{MessageId, SessionId, TurnId, UserId},
    message::Message,
};

/// Whose things a call may touch. Every read and write of a store takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A user, known by the token: their own sessions.
    User(UserId),
    /// Nobody in particular: anonymous sessions alone, whose id is their key.
    Anonymous,
}

impl Owner {
    /// The user, if there is one.
    #[must_use]
    pub const fn user(&self) -> Option<&UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::Anonymous => None,
        }
    }
}

/// What a session is doing, derived from its turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    /// No turn is unfinished.
    Idle,
    /// A turn waits and none runs.
    Queued,
    /// A turn runs.
    Running,
    /// A turn waits for an approval.
    Paused,
}

/// A conversation, without its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The id that an AI SDK client chose for it.
    pub client_id: Option<String>,
    /// Its owner; none while it is anonymous.
    pub user_id: Option<UserId>,
    /// What lists show; none until one was made.
    pub title: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Moves with an accepted message, a claim, a turn's end and a rename.
    pub updated_at: Timestamp,
    /// What it is doing now.
    pub status: SessionStatus,
}

/// A session to be made.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id, chosen by the caller.
    pub id: SessionId,
    /// Its owner.
    pub owner: Owner,
    /// The id that an AI SDK client chose; unique for each owner.
    pub client_id: Option<String>,
}

/// Which messages of a session a read wants.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessagePage {
    /// At most this many, the newest; none: all.
    pub limit: Option<u32>,
    /// Only what stands before this sequence.
    pub before_sequence: Option<i64>,
    /// Whether what an unfinished turn has made so far is shown.
    pub active: ActiveMessages,
}

/// Whether the messages that an unfinished turn has made so far are part of a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ActiveMessages {
    /// Left out: the stream is their only source, so nothing shows twice.
    #[default]
    Hidden,
    /// Shown.
    Shown,
}

/// The oldest unfinished turn of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveStream {
    /// The turn.
    pub turn_id: TurnId,
    /// The newest stored message of the session; for information.
    pub last_message_id: Option<MessageId>,
    /// When it first ran; none while it waits.
    pub started_at: Option<Timestamp>,
}

/// A session with its messages, read in one snapshot.
#[derive(Clone, Debug)]
pub struct SessionSnapshot {
    /// The session.
    pub session: Session,
    /// The page of messages, in the order that the model sees.
    pub messages: Vec<Message>,
    /// The oldest unfinished turn.
    pub active_stream: Option<ActiveStream>,
    /// Whether older shown messages exist before this page.
    pub has_more: bool,
}
