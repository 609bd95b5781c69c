//! The live copy of a turn's events.

use super::PortError;
use crate::{
    event::{Entry, Event},
    position::{Attempt, Position},
    turn::TurnKey,
};
use async_trait::async_trait;
use std::sync::Arc;

/// Streams of turns: appended by one attempt at a time, read by anyone.
///
/// **Guarantees**
/// - *Fenced*: once `begin(attempt)` was answered [`Begun::At`], no append or finish of a
///   lower attempt changes the stream; once it ended, nothing does.
/// - *Positioned*: an append is applied whole or not at all, and only if the stream stands
///   exactly where the append says it starts. One that is repeated is applied once.
/// - *Ordered*: a reader that reads and a feed that was opened before that reading together
///   miss nothing that is stored; positions tell it what it has twice, and every gap.
/// - *Forgetful*: a stream may vanish, or lose its tail, at any time. It is a copy; the
///   database has what is durable. A stream that ended vanishes when nobody reads it.
#[async_trait]
pub trait TurnStreams: Send + Sync {
    /// Fences the stream for `attempt`, making it if there is none.
    async fn begin(&self, turn: TurnKey, attempt: Attempt) -> Result<Begun, PortError>;

    /// Adds `entries` after `from`, where the stream must stand.
    async fn append(&self, turn: TurnKey, append: Append) -> Result<Appended, PortError>;

    /// Adds the last entries and ends the stream, in one step.
    async fn finish(&self, turn: TurnKey, append: Append) -> Result<Appended, PortError>;

    /// Shows `event` to those who read now, storing nothing.
    async fn publish(&self, turn: TurnKey, event: Event) -> Result<(), PortError>;

    /// All entries after `after`, oldest first; none if there is no stream.
    async fn read(
        &self,
        turn: TurnKey,
        after: Position,
    ) -> Result<Option<Vec<Arc<Entry>>>, PortError>;

    /// What is known of the live copy; none if there is no stream.
    async fn status(&self, turn: TurnKey) -> Result<Option<LiveStatus>, PortError>;

    /// The same of many turns, one answer for each, in their order.
    async fn statuses(&self, turns: &[TurnKey]) -> Result<Vec<Option<LiveStatus>>, PortError>;

    /// Opens a feed of what is added from now on, also of a stream that is yet to be made.
    async fn follow(&self, turn: TurnKey) -> Result<Box<dyn LiveFeed>, PortError>;

    /// Puts off the expiry of streams that are still written. Called by a timer.
    async fn keep_alive(&self, turns: &[TurnKey]) -> Result<(), PortError>;

    /// Ends a deleted turn's stream with `closing` and lets it expire in a minute; also one
    /// that is missing, so that late writers find it ended.
    async fn bury(&self, turn: TurnKey, append: Append) -> Result<(), PortError>;
}

/// What an attempt adds.
#[derive(Clone, Debug)]
pub struct Append {
    /// The attempt that writes.
    pub attempt: Attempt,
    /// Where the stream must stand.
    pub from: Position,
    /// What to add, in order; the last one's position is where the stream stands then.
    pub entries: Vec<Arc<Entry>>,
}

impl Append {
    /// Where the stream stands after this.
    #[must_use]
    pub fn to(&self) -> Position {
        self.entries
            .last()
            .map_or(self.from, |entry| entry.position)
    }
}

/// The answer to a begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The stream is this attempt's.
    At {
        /// Where it stands; [`Position::ZERO`] if it was made just now.
        position: Position,
        /// Whose it was before; none if it was made just now.
        former: Option<Attempt>,
    },
    /// A higher attempt has it, or it ended.
    Fenced,
}

/// The answer to an append or finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is in the stream, by this call or an earlier one.
    Done,
    /// A higher attempt has the stream, or it ended: stop at once.
    Fenced,
    /// The stream is not where this attempt left it: ask the database, begin again.
    Lost,
}

/// The live copy's own word on where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveStatus {
    /// Whose it is.
    pub attempt: Attempt,
    /// Where it stands.
    pub position: Position,
    /// Whether it ended.
    pub ended: bool,
}

/// What a feed brings.
#[derive(Clone, Debug)]
pub enum Live {
    /// Entries that were added, in order. They may overlap what was read before.
    Entries(Vec<Arc<Entry>>),
    /// A passing event.
    Passing(Event),
    /// Something was missed: read the history.
    Missed,
}

/// A feed of one turn, held by one reader. A reader that falls behind costs nobody else
/// anything: it is told [`Live::Missed`].
#[async_trait]
pub trait LiveFeed: Send {
    /// The next of what arrives; waits for it. Safe to drop at any await.
    async fn next(&mut self) -> Live;
}
