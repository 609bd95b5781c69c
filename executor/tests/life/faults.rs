//! What can go wrong in one process, and where.
//!
//! Every call of a port, every delta of the model and every tool passes a point before and
//! after it. Rules that were laid down decide what happens there.

use crate::log::Log;
use copilot_core::port::PortError;
use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{RwLock, watch},
};

/// How long a test waits for a point to be reached.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(20);
/// How long connections take to be back in their pool.
const SETTLING: Duration = Duration::from_millis(5);

/// What passes a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Register,
    Heartbeat,
    Unregister,
    Claim,
    Look,
    Groundwork,
    Reply,
    Result,
    End,
    HandBack,
    NameSession,
    Expire,
    NextWaiting,
    Closable,
    Raise,
    StreamsFinished,
    UnfinishedStreams,
    Purge,
    Recorded,
    States,
    Intake,
    Session,
    Begin,
    Append,
    Finish,
    Read,
    Status,
    Follow,
    Bury,
    Passing,
    Hint,
    Delta,
    Tool,
}

impl What {
    /// Whether the live streams are asked.
    const fn is_streams(self) -> bool {
        matches!(
            self,
            Self::Begin
                | Self::Append
                | Self::Finish
                | Self::Read
                | Self::Status
                | Self::Follow
                | Self::Bury
        )
    }

    /// Whether the database is asked.
    const fn is_store(self) -> bool {
        !self.is_streams() && !matches!(self, Self::Passing | Self::Hint | Self::Delta | Self::Tool)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Whoever comes waits until the gate opens.
    Hold,
    /// The whole process stands still until the gate opens.
    Freeze,
    /// The call fails; after it: its answer is lost.
    Fail,
}

struct Rule {
    what: What,
    when: When,
    /// So many passages are let through first.
    skip: u32,
    times: u32,
    act: Act,
    gate: Arc<Gate>,
}

/// The faults of one process.
pub(crate) struct Faults {
    pub(crate) name: String,
    log: Arc<Log>,
    rules: Mutex<Vec<Rule>>,
    store_away: AtomicBool,
    streams_away: AtomicBool,
    hints_lost: AtomicBool,
    dead: watch::Sender<bool>,
    /// Held by every call of the database: a process freezes between two of them, since all
    /// processes of a test share the one connection that writes.
    pub(crate) database: RwLock<()>,
}

impl Faults {
    pub(crate) fn new(name: impl Into<String>, log: &Arc<Log>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            log: Arc::clone(log),
            rules: Mutex::default(),
            store_away: AtomicBool::new(false),
            streams_away: AtomicBool::new(false),
            hints_lost: AtomicBool::new(false),
            dead: watch::Sender::new(false),
            database: RwLock::new(()),
        })
    }

    /// The next that comes by waits there.
    pub(crate) fn hold(&self, what: What, when: When) -> Arc<Gate> {
        self.hold_later(what, when, 0)
    }

    /// After `skip` passages the next that comes by waits there.
    pub(crate) fn hold_later(&self, what: What, when: When, skip: u32) -> Arc<Gate> {
        self.lay(what, when, skip, 1, Act::Hold)
    }

    /// After `skip` passages the process stands still at the next one.
    pub(crate) fn freeze(&self, what: What, when: When, skip: u32) -> Arc<Gate> {
        self.lay(what, when, skip, 1, Act::Freeze)
    }

    /// The answers of the next `times` calls are lost: what they asked for is done.
    pub(crate) fn lose_answers(&self, what: What, times: u32) -> Arc<Gate> {
        self.lay(what, When::After, 0, times, Act::Fail)
    }

    /// The next `times` calls fail, and what they asked for is not done.
    pub(crate) fn refuse(&self, what: What, times: u32) -> Arc<Gate> {
        self.lay(what, When::Before, 0, times, Act::Fail)
    }

    pub(crate) fn set_store_away(&self, away: bool) {
        self.store_away.store(away, Ordering::Relaxed);
    }

    pub(crate) fn set_streams_away(&self, away: bool) {
        self.streams_away.store(away, Ordering::Relaxed);
    }

    pub(crate) fn set_hints_lost(&self, lost: bool) {
        self.hints_lost.store(lost, Ordering::Relaxed);
    }

    pub(crate) fn hints_lost(&self) -> bool {
        self.hints_lost.load(Ordering::Relaxed)
    }

    /// No fault any more, and whoever waits goes on.
    pub(crate) fn heal(&self) {
        self.set_store_away(false);
        self.set_streams_away(false);
        self.set_hints_lost(false);
        for rule in self.rules().drain(..) {
            rule.gate.open();
        }
    }

    /// The process is being killed: nothing passes any more.
    pub(crate) fn kill(&self) {
        self.dead.send_replace(true);
        for rule in self.rules().iter() {
            rule.gate.thaw();
        }
    }

    /// Passes a point.
    pub(crate) async fn pass(self: &Arc<Self>, what: What, when: When) -> Result<(), PortError> {
        self.log.tick();
        if *self.dead.borrow() {
            std::future::pending::<()>().await;
        }
        let away = (what.is_store() && self.store_away.load(Ordering::Relaxed))
            || (what.is_streams() && self.streams_away.load(Ordering::Relaxed));
        if when == When::Before && away {
            return Err(PortError::unavailable(
                "passing a point",
                format!("{what:?} is away"),
            ));
        }
        let Some((act, gate)) = self.due(what, when) else {
            return Ok(());
        };
        self.log
            .note(&self.name, format!("{act:?} {when:?} {what:?}"));
        let by_order =
            || PortError::unavailable("passing a point", format!("{what:?} failed by order"));
        match act {
            Act::Hold => {
                gate.arrive();
                gate.opened().await;
            }
            Act::Freeze => {
                // By a task of its own: who comes here may share a task with one that must
                // go on first.
                let (faults, freezing) = (Arc::clone(self), Arc::clone(&gate));
                let frozen =
                    Handle::current().spawn(async move { faults.stand_still(&freezing).await });
                frozen.await.expect("the process thaws");
            }
            Act::Fail => {
                gate.arrive();
                return Err(by_order());
            }
        }
        if gate.fails.load(Ordering::Relaxed) {
            return Err(by_order());
        }
        if *self.dead.borrow() {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    /// Freezes the process once none of its connections is in use.
    pub(crate) async fn stand_still(&self, gate: &Gate) {
        let _quiet = self.database.write().await;
        // Connections go back to their pool by tasks of their own.
        tokio::time::sleep(SETTLING).await;
        gate.arrive();
        gate.wait_for_thaw();
    }

    /// A gate at which the process stands still by itself: it thaws when the process dies.
    pub(crate) fn watch_over(&self, gate: &Arc<Gate>) {
        let (what, when, gate) = (What::Passing, When::Before, Arc::clone(gate));
        self.rules().push(Rule {
            what,
            when,
            skip: 0,
            times: 0,
            act: Act::Freeze,
            gate,
        });
    }

    fn lay(&self, what: What, when: When, skip: u32, times: u32, act: Act) -> Arc<Gate> {
        let gate = Arc::new(Gate::new(format!("{act:?} {when:?} {what:?} {skip}")));
        self.rules().push(Rule {
            what,
            when,
            skip,
            times,
            act,
            gate: Arc::clone(&gate),
        });
        gate
    }

    fn due(&self, what: What, when: When) -> Option<(Act, Arc<Gate>)> {
        let mut rules = self.rules();
        for rule in rules
            .iter_mut()
            .filter(|rule| rule.what == what && rule.when == when && rule.times > 0)
        {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times -= 1;
            return Some((rule.act, Arc::clone(&rule.gate)));
        }
        None
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where somebody waits, or the whole process does.
pub(crate) struct Gate {
    place: String,
    arrived: watch::Sender<bool>,
    open: watch::Sender<bool>,
    /// Whether the call fails when the gate is open.
    fails: AtomicBool,
    thawed: (Mutex<bool>, Condvar),
}

impl Gate {
    pub(crate) fn new(place: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            arrived: watch::Sender::new(false),
            open: watch::Sender::new(false),
            fails: AtomicBool::new(false),
            thawed: (Mutex::default(), Condvar::new()),
        }
    }

    /// Waits until somebody is there.
    pub(crate) async fn arrived(&self) {
        let mut arrived = self.arrived.subscribe();
        let arrival =
            tokio::time::timeout(ARRIVAL_LIMIT, arrived.wait_for(|arrived| *arrived)).await;
        assert!(arrival.is_ok(), "nobody comes to {}", self.place);
    }

    pub(crate) fn has_arrived(&self) -> bool {
        *self.arrived.borrow()
    }

    /// Lets whoever is there go on.
    pub(crate) fn open(&self) {
        self.open.send_replace(true);
        self.thaw();
    }

    /// Lets whoever is there go on, without the answer that it waits for.
    pub(crate) fn open_without_answer(&self) {
        self.fails.store(true, Ordering::Relaxed);
        self.open();
    }

    fn arrive(&self) {
        self.arrived.send_replace(true);
    }

    async fn opened(&self) {
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open).await.expect("the gate stands");
    }

    fn thaw(&self) {
        let (thawed, changed) = &self.thawed;
        *thawed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Blocks the only thread of the process on purpose: nothing in it moves, its timers included.
    fn wait_for_thaw(&self) {
        let (thawed, changed) = &self.thawed;
        let frozen = thawed.lock().unwrap_or_else(PoisonError::into_inner);
        let frozen = changed.wait_while(frozen, |thawed| !*thawed);
        drop(frozen.unwrap_or_else(PoisonError::into_inner));
    }
}
