//! The fake model: what it answers, what it was asked, what was wrong with that.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use http::HeaderMap;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::chat_request::ChatRequest;
use super::conversation::Conversations;
use super::protocol::Protocol;
use super::reply::{Reply, text};
use super::server::serve;
use crate::deadline::{DEADLINE, within};

/// A model server on its own port, for both protocols. Dropping it stops all its tasks.
///
/// A request is answered by the first of these that has something to say: a [`when`](Self::when)
/// rule that fits, the [`script`](Self::script), the [`respond`](Self::respond) hook, the default
/// reply (`ok`).
pub struct FakeUpstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// Whether requests are kept and checked. A load bench wants neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Keep and check each request.
    All,
    /// Forget each request at once.
    Nothing,
}

impl FakeUpstream {
    /// Listen on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        Self::start_on(0, Record::All).await
    }

    /// Listen on this port of 127.0.0.1.
    pub async fn start_on(port: u16, record: Record) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap_or_else(|error| panic!("cannot listen on 127.0.0.1:{port}: {error}"));
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared::new(record));
        let serving = serve(listener, Arc::clone(&shared));
        Self {
            address,
            shared,
            #[expect(clippy::disallowed_methods, reason = "ended by drop, at once")]
            server: tokio::spawn(serving),
        }
    }

    /// For `OPENAI_BASE_URL` and `llm.base_url`: `http://127.0.0.1:PORT/v1/`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1/", self.address)
    }

    /// Append replies; each answers one request, in order.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.script().replies.extend(replies);
    }

    /// Answer requests whose last user text fits with these replies, in order; when they are used
    /// up, the rule is over.
    pub fn when(
        &self,
        fits: impl Fn(&str) -> bool + Send + Sync + 'static,
        replies: impl IntoIterator<Item = Reply>,
    ) {
        self.shared.script().rules.push(Rule {
            fits: Box::new(fits),
            replies: replies.into_iter().collect(),
        });
    }

    /// Let a function answer what rules and script do not.
    pub fn respond(&self, hook: impl Fn(&ChatRequest) -> Reply + Send + Sync + 'static) {
        self.shared.script().hook = Some(Box::new(hook));
    }

    /// Answer this when nothing else is said.
    pub fn default_reply(&self, reply: Reply) {
        self.shared.script().default = reply;
    }

    /// From now on requests may come without a key.
    pub fn wants_no_key(&self) {
        self.shared.wants_key.store(false, Ordering::Relaxed);
    }

    /// How many replies of the script wait for a request.
    pub fn unused_replies(&self) -> usize {
        self.shared.script().replies.len()
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<ChatRequest> {
        self.shared.seen().requests.clone()
    }

    /// Wait until `count` requests have come, and give them.
    pub async fn requests_at_least(&self, count: usize) -> Vec<ChatRequest> {
        let mut changes = self.shared.open.subscribe();
        within(
            DEADLINE,
            || format!("{count} requests; there were {}", self.requests().len()),
            async {
                changes
                    .wait_for(|open| open.started >= count)
                    .await
                    .map(drop)
            },
        )
        .await
        .expect("the upstream holds the sender");
        self.requests()
    }

    /// Every rule that a request broke, with the request's number.
    pub fn violations(&self) -> Vec<String> {
        self.shared.seen().violations.clone()
    }

    /// How many replies are on their way now.
    pub fn open_replies(&self) -> usize {
        self.shared.open.borrow().now
    }

    /// How many replies the client broke off before their end.
    pub fn abandoned_replies(&self) -> usize {
        self.shared.open.borrow().abandoned
    }

    /// Wait until no reply is on its way: a cancelled turn has let go of its model.
    pub async fn idle(&self) {
        let mut changes = self.shared.open.subscribe();
        within(
            DEADLINE,
            || format!("{} replies are still open", self.open_replies()),
            async { changes.wait_for(|open| open.now == 0).await.map(drop) },
        )
        .await
        .expect("the upstream holds the sender");
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        // The task owns the set of its connections; they are aborted with it.
        self.server.abort();
    }
}

/// What server and handle share.
pub(super) struct Shared {
    record: Record,
    wants_key: AtomicBool,
    script: Mutex<Script>,
    seen: Mutex<Seen>,
    open: watch::Sender<Open>,
}

struct Script {
    rules: Vec<Rule>,
    replies: VecDeque<Reply>,
    hook: Option<Hook>,
    default: Reply,
}

type Hook = Box<dyn Fn(&ChatRequest) -> Reply + Send + Sync>;

struct Rule {
    fits: Box<dyn Fn(&str) -> bool + Send + Sync>,
    replies: VecDeque<Reply>,
}

#[derive(Default)]
struct Seen {
    count: usize,
    requests: Vec<ChatRequest>,
    conversations: Conversations,
    violations: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Open {
    started: usize,
    now: usize,
    abandoned: usize,
}

impl Shared {
    fn new(record: Record) -> Self {
        Self {
            record,
            wants_key: AtomicBool::new(true),
            script: Mutex::new(Script {
                rules: Vec::new(),
                replies: VecDeque::new(),
                hook: None,
                default: text("ok"),
            }),
            seen: Mutex::default(),
            open: watch::Sender::new(Open::default()),
        }
    }

    /// Keep and check a request, and choose its reply.
    pub(super) fn take(
        &self,
        headers: HeaderMap,
        protocol: Protocol,
        body: Value,
    ) -> (ChatRequest, Reply) {
        let request = {
            let mut seen = self.seen();
            let request = ChatRequest::new(seen.count, headers, protocol, body);
            seen.count += 1;
            if self.record == Record::All {
                seen.check(&request);
                seen.requests.push(request.clone());
            }
            request
        };
        let reply = self.script().choose(&request);
        (request, reply)
    }

    /// Whether a request without a key is wrong.
    pub(super) fn wants_key(&self) -> bool {
        self.wants_key.load(Ordering::Relaxed)
    }

    /// Note something wrong that is no chat request.
    pub(super) fn complain(&self, complaint: String) {
        self.seen().violations.push(complaint);
    }

    /// Count a reply as being on its way.
    pub(super) fn open_reply(self: &Arc<Self>) -> OpenReply {
        self.open.send_modify(|open| {
            open.started += 1;
            open.now += 1;
        });
        OpenReply {
            shared: Arc::clone(self),
            is_complete: false,
        }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("a test's hook panicked")
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("a check panicked")
    }
}

impl Seen {
    fn check(&mut self, request: &ChatRequest) {
        let broken = request.violations();
        let changed = self.conversations.check(request);
        for sentence in broken.into_iter().chain(changed) {
            let number = request.number;
            self.violations
                .push(format!("request {number}: {sentence}"));
        }
    }
}

impl Script {
    fn choose(&mut self, request: &ChatRequest) -> Reply {
        let text = request.last_user_text();
        let ruled = self
            .rules
            .iter_mut()
            .filter(|rule| !rule.replies.is_empty() && (rule.fits)(&text))
            .find_map(|rule| rule.replies.pop_front());
        if let Some(reply) = ruled.or_else(|| self.replies.pop_front()) {
            return reply;
        }
        match &self.hook {
            Some(hook) => hook(request),
            None => self.default.clone(),
        }
    }
}

/// A reply on its way; dropped before [`complete`](Self::complete), the client broke it off.
pub(super) struct OpenReply {
    shared: Arc<Shared>,
    is_complete: bool,
}

impl OpenReply {
    pub(super) fn complete(&mut self) {
        self.is_complete = true;
    }
}

impl Drop for OpenReply {
    fn drop(&mut self) {
        let is_abandoned = !self.is_complete;
        self.shared.open.send_modify(|open| {
            open.now -= 1;
            open.abandoned += usize::from(is_abandoned);
        });
    }
}
