//! The real streams, as one process reaches them.

use crate::{
    faults::{Faults, What, When},
    log::Log,
};
use async_trait::async_trait;
use copilot_core::{
    event::{Entry, Event},
    port::{
        PortError,
        stream::{Append, Appended, Begun, Live, LiveFeed, LiveStatus, TurnStreams},
    },
    position::{Attempt, Position},
    turn::TurnKey,
};
use copilot_infra::in_process::InProcessStreams;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

pub(crate) struct FaultyStreams {
    pub(crate) inner: InProcessStreams,
    pub(crate) faults: Arc<Faults>,
    pub(crate) log: Arc<Log>,
    /// So many of the last entries are missing from what is read: a replica that lags.
    pub(crate) missing: AtomicUsize,
    /// Whether feeds bring nothing: a Redis user without rights to channels.
    pub(crate) deaf: AtomicBool,
    /// How often streams were read.
    pub(crate) reads: AtomicUsize,
    /// How often it was asked where many stand.
    pub(crate) asked: AtomicUsize,
}

struct DeafFeed;

#[async_trait]
impl LiveFeed for DeafFeed {
    async fn next(&mut self) -> Live {
        std::future::pending().await
    }
}

impl FaultyStreams {
    async fn through<T>(
        &self,
        what: What,
        turn: TurnKey,
        call: impl Future<Output = Result<T, PortError>>,
        tell: impl FnOnce(&T) -> Option<String>,
    ) -> Result<T, PortError> {
        self.faults.pass(what, When::Before).await?;
        let answer = call.await?;
        if let Some(told) = tell(&answer) {
            self.log.note(
                &self.faults.name,
                format!("{what:?} {} {told}", self.log.name_of(turn.turn_id)),
            );
        }
        self.faults.pass(what, When::After).await?;
        Ok(answer)
    }
}

fn appended(append: &Append) -> impl FnOnce(&Appended) -> Option<String> + use<> {
    let Append { attempt, from, .. } = *append;
    let to = append.to();
    move |answer| Some(format!("attempt {attempt} {from} to {to}: {answer:?}"))
}

#[async_trait]
impl TurnStreams for FaultyStreams {
    async fn begin(&self, turn: TurnKey, attempt: Attempt) -> Result<Begun, PortError> {
        let tell = |begun: &Begun| Some(format!("attempt {attempt}: {begun:?}"));
        self.through(What::Begin, turn, self.inner.begin(turn, attempt), tell)
            .await
    }

    async fn append(&self, turn: TurnKey, append: Append) -> Result<Appended, PortError> {
        let tell = appended(&append);
        self.through(What::Append, turn, self.inner.append(turn, append), tell)
            .await
    }

    async fn finish(&self, turn: TurnKey, append: Append) -> Result<Appended, PortError> {
        let tell = appended(&append);
        self.through(What::Finish, turn, self.inner.finish(turn, append), tell)
            .await
    }

    async fn publish(&self, turn: TurnKey, event: Event) -> Result<(), PortError> {
        self.through(What::Passing, turn, self.inner.publish(turn, event), |()| {
            None
        })
        .await
    }

    async fn read(
        &self,
        turn: TurnKey,
        after: Position,
    ) -> Result<Option<Vec<Arc<Entry>>>, PortError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let mut entries = self
            .through(What::Read, turn, self.inner.read(turn, after), |_| None)
            .await?;
        if let Some(entries) = &mut entries {
            let kept = entries
                .len()
                .saturating_sub(self.missing.load(Ordering::Relaxed));
            entries.truncate(kept);
        }
        Ok(entries)
    }

    async fn status(&self, turn: TurnKey) -> Result<Option<LiveStatus>, PortError> {
        self.through(What::Status, turn, self.inner.status(turn), |_| None)
            .await
    }

    async fn statuses(&self, turns: &[TurnKey]) -> Result<Vec<Option<LiveStatus>>, PortError> {
        self.faults.pass(What::Status, When::Before).await?;
        let answer = self.inner.statuses(turns).await?;
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.faults.pass(What::Status, When::After).await?;
        Ok(answer)
    }

    async fn follow(&self, turn: TurnKey) -> Result<Box<dyn LiveFeed>, PortError> {
        let feed = self
            .through(What::Follow, turn, self.inner.follow(turn), |_| None)
            .await?;
        if self.deaf.load(Ordering::Relaxed) {
            return Ok(Box::new(DeafFeed));
        }
        Ok(feed)
    }

    async fn keep_alive(&self, turns: &[TurnKey]) -> Result<(), PortError> {
        self.inner.keep_alive(turns).await
    }

    async fn bury(&self, turn: TurnKey, append: Append) -> Result<(), PortError> {
        self.through(What::Bury, turn, self.inner.bury(turn, append), |()| None)
            .await
    }
}
