//! The database: the truth that every other copy can be rebuilt from.
//!
//! One method is one transaction. Every write of a turn's work is fenced by its attempt and
//! status; deletion of the session wins over everything. All times are the database's own.

use super::PortError;
use crate::{
    event::Entry,
    id::{ExecutorId, SessionId, TurnId, UserId},
    ledger::{CallOutcome, LedgerCall},
    message::{Message, NewMessage},
    position::{Attempt, Position},
    session::{MessagePage, NewSession, Owner, Session, SessionSnapshot},
    turn::{FinishReason, NewTurn, Turn, TurnError, TurnKey, TurnStatus, Usage},
};
use async_trait::async_trait;
use std::time::Duration;

/// Everything that the database does, as one thing to hand around.
pub trait Store: SessionStore + TurnIntake + TurnRecords + TurnWork + TurnUpkeep {}

impl<T: SessionStore + TurnIntake + TurnRecords + TurnWork + TurnUpkeep> Store for T {}

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// At most this many.
    pub limit: u32,
    /// After skipping this many.
    pub offset: u32,
}

/// A page's rows and how many there are in all.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: u64,
}

/// Sessions as their owners see them. Another's session is as if it were not there.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Stores a session. One with the same owner and client id is given back instead.
    async fn create_session(&self, session: NewSession) -> Result<Session, PortError>;

    /// The owner's sessions, newest `updated_at` first, ties by id.
    async fn list_sessions(&self, user: &UserId, page: Page) -> Result<Listed<Session>, PortError>;

    /// A session without its messages.
    async fn find_session(
        &self,
        owner: &Owner,
        id: SessionId,
    ) -> Result<Option<Session>, PortError>;

    /// The session that an AI SDK client calls `client_id`.
    async fn find_client_session(
        &self,
        user: &UserId,
        client_id: &str,
    ) -> Result<Option<Session>, PortError>;

    /// A session with messages and active stream, from one snapshot.
    async fn snapshot(
        &self,
        owner: &Owner,
        id: SessionId,
        page: MessagePage,
    ) -> Result<Option<SessionSnapshot>, PortError>;

    /// Gives a session its title; none if it is not there.
    async fn rename_session(
        &self,
        owner: &Owner,
        id: SessionId,
        title: &str,
    ) -> Result<Option<()>, PortError>;

    /// Gives an anonymous session to `user`, for good. Of all who ask at once one gets it; to
    /// ask again for one's own changes nothing. None if it is not there, or another's.
    async fn claim_session(&self, user: &UserId, id: SessionId) -> Result<Option<()>, PortError>;

    /// Marks a session deleted, cancels its turns and raises their attempts. The turns that
    /// were unfinished are given back, as they are now; none if there is no such session.
    async fn delete_session(
        &self,
        owner: &Owner,
        id: SessionId,
        files: Files,
    ) -> Result<Option<Vec<Turn>>, PortError>;

    /// Really writes and reads through the data layer, leaving nothing behind.
    async fn probe(&self) -> Result<(), PortError>;
}

/// What happens to the files of a deleted session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// They go with it.
    Delete,
    /// They stay in the workspace.
    Keep,
}

/// What accepting a message came to.
#[derive(Clone, Debug)]
pub enum Acceptance {
    /// A new turn is committed; the others were marked for cancel (`on_busy=interrupt`).
    Begun {
        /// The new turn.
        turn: Turn,
        /// Turns that are to be cancelled first, oldest first.
        interrupted: Vec<Turn>,
    },
    /// The same request was accepted before: this is its turn.
    Attached(Turn),
    /// There is no such session, or it is not the caller's.
    NoSession,
    /// The same key came with another content.
    Mismatch,
    /// The caller has as many unfinished turns as allowed.
    TooMany,
    /// The session is busy with this turn, and the caller did not want to wait.
    Busy(TurnId),
}

/// What a request to cancel found.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made for each request and lives briefly"
)]
pub enum CancelRequest {
    /// There is no such session or turn, or it is not the caller's.
    NotFound,
    /// These unfinished turns carry the mark now, oldest first; empty: nothing was unfinished.
    Marked(Vec<Turn>),
    /// The turn that was named had ended before.
    Ended(Turn),
}

/// How messages become turns, and turns are asked to stop.
#[async_trait]
pub trait TurnIntake: Send + Sync {
    /// Checks owner, then idempotency key, then caps, then `on_busy`; then stores message and
    /// turn and gives the turn its number, all in one transaction.
    async fn accept(
        &self,
        owner: &Owner,
        session: SessionId,
        turn: NewTurn,
    ) -> Result<Acceptance, PortError>;

    /// Marks one turn, or all unfinished ones of the session, for cancel.
    async fn request_cancel(
        &self,
        owner: &Owner,
        session: SessionId,
        turn: Option<TurnId>,
    ) -> Result<CancelRequest, PortError>;
}

/// A turn's row as readers and watchers need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnState {
    /// The turn.
    pub turn_id: TurnId,
    /// Where it stands.
    pub status: TurnStatus,
    /// Its attempt.
    pub attempt: Attempt,
    /// Whether an executor with a good lease works on it.
    pub held: bool,
}

/// Reading turns.
#[async_trait]
pub trait TurnRecords: Send + Sync {
    /// A turn of the owner's session.
    async fn find_turn(&self, owner: &Owner, key: TurnKey) -> Result<Option<Turn>, PortError>;

    /// The turns of a session, newest first; none if there is no such session.
    async fn list_turns(
        &self,
        owner: &Owner,
        session: SessionId,
        page: Page,
    ) -> Result<Option<Listed<Turn>>, PortError>;

    /// The oldest unfinished turn of the owner's session; the outer none: no such session.
    async fn active_turn(
        &self,
        owner: &Owner,
        session: SessionId,
    ) -> Result<Option<Option<Turn>>, PortError>;

    /// A turn and its parts (opening included, oldest first), from one snapshot; none once
    /// the session is deleted. For readers that were let in before.
    async fn recorded(&self, key: TurnKey) -> Result<Option<Recorded>, PortError>;

    /// The newest exchanges of a session that begin before a sequence, from one snapshot;
    /// `page.limit` counts exchanges. None if there is no such session.
    async fn exchanges(
        &self,
        owner: &Owner,
        session: SessionId,
        page: MessagePage,
    ) -> Result<Option<Exchanges>, PortError>;

    /// Where the turns stand, in one statement; those of deleted sessions are left out.
    async fn states(&self, turns: &[TurnId]) -> Result<Vec<TurnState>, PortError>;
}

/// A page of a session's exchanges.
#[derive(Clone, Debug)]
pub struct Exchanges {
    /// Oldest first.
    pub items: Vec<Exchange>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// The message that began a turn, and the answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The message.
    pub opening: Message,
    /// What the client calls the message, if it has told.
    pub client_id: Option<String>,
    /// The turn and, once it has ended, what is recorded of its stream; no parts before.
    pub recorded: Recorded,
}

/// A turn with what is durable of its stream.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The row.
    pub turn: Turn,
    /// Opening and parts, oldest first; marks included.
    pub parts: Vec<Entry>,
}

/// What a claim is checked against, and what it sets.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRules {
    /// `turn.max_running_per_user`: a count, not a lock; it may be overshot.
    pub max_running: u32,
    /// `turn.max_attempts`.
    pub max_attempts: u32,
    /// `turn.timeout_seconds`: the deadline counts from the first claim.
    pub timeout: Duration,
}

/// What the executor writes is fenced by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The turn.
    pub key: TurnKey,
    /// The attempt that it was claimed, or raised, with.
    pub attempt: Attempt,
}

/// The answer to a fenced write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// It is stored, by this call or an earlier one.
    Done,
    /// The turn is another attempt's, ended, or deleted: stop without a write.
    Fenced,
}

/// All that an attempt starts from.
#[derive(Clone, Debug)]
pub struct Groundwork {
    /// The session's messages in the order that the model sees: of ended turns and of this
    /// one, nothing of turns that wait or never ran.
    pub history: Vec<Message>,
    /// The calls of the last reply, if one of them is not done yet: all of that reply's.
    pub unfinished: Vec<LedgerCall>,
    /// Opening and parts, oldest first.
    pub parts: Vec<Entry>,
    /// The first place free for a message of this turn.
    pub next_place: u32,
    /// Whether the session has no title yet.
    pub is_untitled: bool,
}

/// A finished model reply: a durable point.
#[derive(Clone, Debug)]
pub struct ReplyCommit {
    /// The step, from 1; becomes the turn's `steps`.
    pub step: u32,
    /// The assistant message.
    pub message: NewMessage,
    /// The calls that it asks for.
    pub calls: Vec<LedgerCall>,
    /// What the turn used up to here.
    pub usage: Usage,
    /// The stream's entries since the last durable point.
    pub parts: Vec<Entry>,
}

/// A finished tool call: a durable point.
#[derive(Clone, Debug)]
pub struct ResultCommit {
    /// The call.
    pub call_id: String,
    /// What came out.
    pub outcome: CallOutcome,
    /// When it is the last of its step: all tool messages, in the order of the calls.
    pub messages: Vec<NewMessage>,
    /// The stream's entries since the last durable point.
    pub parts: Vec<Entry>,
}

/// The end of a turn.
#[derive(Clone, Debug)]
pub struct EndCommit {
    /// A terminal status.
    pub status: TurnStatus,
    /// Model replies in all.
    pub steps: u32,
    /// Why the answer ended.
    pub finish_reason: FinishReason,
    /// What the turn used.
    pub usage: Usage,
    /// Why it failed.
    pub error: Option<TurnError>,
    /// The last messages.
    pub messages: Vec<NewMessage>,
    /// The stream's entries since the last durable point, `finish` included.
    pub parts: Vec<Entry>,
}

/// A turn that the table gives to an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnedTurn {
    /// The turn.
    pub key: TurnKey,
    /// Its attempt when the statement ran.
    pub attempt: Attempt,
    /// Whether it is marked for cancel.
    pub cancel_requested: bool,
}

/// How long a lease lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// Until it is not renewed for so long.
    For(Duration),
    /// For the life of the process: the only one on its database.
    Process,
}

/// Why a hand-back happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandBack {
    /// Drain, or the heartbeat found it: no lost attempt.
    InOrder,
    /// The task failed: a lost attempt.
    Lost,
}

/// What executors do.
#[async_trait]
pub trait TurnWork: Send + Sync {
    /// Makes a lease. With [`Lease::Process`] all other leases are void from now on.
    async fn register(&self, executor: ExecutorId, lease: Lease) -> Result<(), PortError>;

    /// Renews the lease (unless it is [`Lease::Process`]) and reads what the table gives me,
    /// in one round trip; none: the lease is lost.
    async fn heartbeat(
        &self,
        executor: ExecutorId,
        lease: Lease,
    ) -> Result<Option<Vec<OwnedTurn>>, PortError>;

    /// Gives the lease up.
    async fn unregister(&self, executor: ExecutorId) -> Result<(), PortError>;

    /// Claims one turn, in one statement, if it may be claimed and my lease is good:
    /// (a) it is queued, not marked for cancel, first in its session, and its user is below the
    /// cap, or
    /// (b) it is running without a live owner and has attempts left. The turn comes back as
    /// it is after the claim.
    async fn claim(
        &self,
        executor: ExecutorId,
        turn: TurnId,
        rules: ClaimRules,
    ) -> Result<Option<Turn>, PortError>;

    /// Finds and claims at most `free` turns, oldest first, in one transaction; queued ones
    /// only if accepted over `hint_grace` ago. `found` is called for each before its claim.
    async fn claim_waiting(
        &self,
        executor: ExecutorId,
        free: u32,
        hint_grace: Duration,
        rules: ClaimRules,
        found: &(dyn Fn(TurnKey) + Send + Sync),
    ) -> Result<Vec<Turn>, PortError>;

    /// All that a turn starts from, as it was claimed; none if the claim is not mine any more.
    async fn groundwork(&self, claimed: &Turn) -> Result<Option<Groundwork>, PortError>;

    /// Stores a reply, its ledger rows and parts; sets the lost attempts to 0.
    async fn commit_reply(&self, fence: Fence, reply: ReplyCommit) -> Result<Commit, PortError>;

    /// Stores a call's outcome and parts; sets the lost attempts to 0.
    async fn commit_result(&self, fence: Fence, result: ResultCommit) -> Result<Commit, PortError>;

    /// Ends the turn. The owner stays until [`TurnUpkeep::streams_finished`] clears it, so
    /// that a crash before the stream's end is seen.
    async fn commit_end(&self, fence: Fence, end: EndCommit) -> Result<Commit, PortError>;

    /// Clears the owner; the turn may be claimed at once.
    async fn hand_back(&self, fence: Fence, why: HandBack) -> Result<Commit, PortError>;

    /// Gives a session without a title this one, in one statement that moves nothing else;
    /// false: it has one, or is gone.
    async fn name_session(&self, session: SessionId, title: &str) -> Result<bool, PortError>;

    /// The turn to hint at after one has ended: the session's next waiting one, else the
    /// oldest of the same user that may be claimed.
    async fn next_waiting(&self, ended: TurnKey) -> Result<Option<TurnKey>, PortError>;
}

/// Why somebody ends a turn that is not its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// A cancel that no executor carries out.
    Cancelled,
    /// Its attempts are used up.
    AttemptsExhausted,
    /// Its deadline has passed.
    Overdue,
}

/// When a raise may happen; checked in its statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RaiseIf {
    /// Marked for cancel and held by no executor with a good lease.
    CancelledAndUnheld,
    /// Marked for cancel, whoever holds it.
    Cancelled,
    /// Running without a live owner, with `max_attempts` lost in a row.
    AttemptsExhausted {
        /// `turn.max_attempts`.
        max_attempts: u32,
    },
    /// Running past its deadline by `grace`.
    Overdue {
        /// Time for its executor to end it by itself.
        grace: Duration,
    },
}

/// A turn whose attempt was raised so that it can be ended.
#[derive(Clone, Debug)]
pub struct Raised {
    /// The row after it; its status is unchanged, its owner is cleared.
    pub turn: Turn,
    /// Opening and parts.
    pub parts: Vec<Entry>,
    /// The calls of the last reply, if one of them is not done.
    pub unfinished: Vec<LedgerCall>,
    /// The first place free for a message.
    pub next_place: u32,
}

/// What the look does for turns that nobody else looks after.
#[async_trait]
pub trait TurnUpkeep: Send + Sync {
    /// Turns that should be ended by the look: attempts used up, cancel older than
    /// `cancel_wait` (at once if unheld), deadline passed by `overdue_grace`.
    async fn closable(
        &self,
        max_attempts: u32,
        cancel_wait: Duration,
        overdue_grace: Duration,
        limit: u32,
    ) -> Result<Vec<(TurnKey, CloseCause)>, PortError>;

    /// Raises the attempt of an unfinished turn and clears its owner, if `when` holds. What
    /// has used up its attempts stays so, should whoever raised it not live to end it.
    async fn raise(&self, turn: TurnId, when: RaiseIf) -> Result<Option<Raised>, PortError>;

    /// Clears the owner of ended turns whose stream has ended too.
    async fn streams_finished(&self, turns: &[TurnId]) -> Result<(), PortError>;

    /// Ended turns whose executor is gone and may not have ended their stream.
    async fn unfinished_streams(&self, limit: u32) -> Result<Vec<TurnKey>, PortError>;

    /// Marks idle sessions that nobody has touched for `age` as deleted with their files, the
    /// oldest first, at most `limit` of them.
    async fn expire(&self, age: Duration, limit: u32) -> Result<Vec<SessionId>, PortError>;

    /// Removes rows of sessions deleted at least `age` ago, at most `limit` sessions.
    async fn purge(&self, age: Duration, limit: u32) -> Result<Vec<SessionId>, PortError>;
}

/// Where the stream of a recorded turn stands.
#[must_use]
pub fn end_of(parts: &[Entry]) -> Position {
    parts.last().map_or(Position::ZERO, |entry| entry.position)
}
