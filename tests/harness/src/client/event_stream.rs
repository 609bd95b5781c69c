//! An open SSE response.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};
use reqwest::Response;
use serde_json::Value;

use super::call::Call;
use super::event::Event;
use super::transcript::Transcript;
use crate::deadline::{DEADLINE, within};
use crate::sse::{SseItem, SseParser};

/// Reads one SSE response, event by event, and remembers all of it. Dropping it hangs up.
pub struct EventStream {
    name: String,
    connection: Connection,
    parser: SseParser,
    waiting: VecDeque<Item>,
    deadline: Duration,
    seen: Transcript,
}

enum Connection {
    Unsent(Option<Box<Call>>),
    Open(Box<Response>),
    Ended,
}

/// What the stream gives next.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A comment, all behind its colon.
    Comment(String),
    /// An event with a JSON body.
    Event(Event),
    /// `data: [DONE]`.
    Done,
    /// The body is over.
    End(BodyEnd),
}

/// How a body ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// With its last chunk.
    Clean,
    /// The connection broke; a client knows that something is missing.
    Broken(String),
}

impl EventStream {
    pub(super) fn new(call: Call) -> Self {
        let name = call.name().to_owned();
        Self::over(name, Connection::Unsent(Some(Box::new(call))))
    }

    /// Of a response that is one.
    pub(super) fn of(name: String, response: Response) -> Self {
        let mut stream = Self::over(name, Connection::Ended);
        stream.take(response);
        stream
    }

    fn over(name: String, connection: Connection) -> Self {
        Self {
            name,
            connection,
            parser: SseParser::default(),
            waiting: VecDeque::new(),
            deadline: DEADLINE,
            seen: Transcript::default(),
        }
    }

    /// Wait at most so long for each next item, and for what [`until`](Self::until) and
    /// [`to_end`](Self::to_end) wait for.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Send the request, if that has not happened, and expect the head of an event stream.
    pub async fn connect(&mut self) {
        let Connection::Unsent(call) = &mut self.connection else {
            return;
        };
        let call = call.take().expect("a call is sent once");
        self.seen.sent_at = Some(Instant::now());
        let response = call.send().await;
        let status = response.status();
        let kind = response.headers().get("content-type").cloned();
        let kind = kind.as_ref().and_then(|kind| kind.to_str().ok());
        let is_stream = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
        if status != StatusCode::OK || !is_stream {
            let body = response.text().await;
            panic!("{}: no event stream: {status} {kind:?} {body:?}", self.name);
        }
        self.take(response);
    }

    fn take(&mut self, response: Response) {
        self.seen.headers = response.headers().clone();
        self.connection = Connection::Open(Box::new(response));
    }

    /// The response's headers; empty before the request was sent.
    pub fn headers(&self) -> &HeaderMap {
        &self.seen.headers
    }

    /// All that was read so far.
    pub fn seen(&self) -> &Transcript {
        &self.seen
    }

    /// The cursor to resume after: that of the last event that had one.
    pub fn last_cursor(&self) -> Option<&str> {
        self.seen.last_cursor()
    }

    /// The next item, comments and the body's end included. After the end: the end again.
    pub async fn next_item(&mut self) -> Item {
        self.connect().await;
        let limit = self.deadline;
        let (name, so_far) = (self.name.clone(), self.seen.kinds());
        let what = || format!("the next item of {name} after {so_far:?}");
        let item = within(limit, what, self.read_item()).await;
        self.seen.note(&item);
        item
    }

    /// The next event, comments and `[DONE]` passed by (they are in [`seen`](Self::seen)); none at
    /// the end of the body.
    pub async fn next_event(&mut self) -> Option<Event> {
        loop {
            match self.next_item().await {
                Item::Event(event) => return Some(event),
                Item::Comment(_) | Item::Done => {}
                Item::End(_) => return None,
            }
        }
    }

    /// The next comment; panics if the body ends before.
    pub async fn next_comment(&mut self) -> String {
        loop {
            match self.next_item().await {
                Item::Comment(comment) => return comment,
                Item::Event(_) | Item::Done => {}
                Item::End(end) => panic!("{}: no comment before the end ({end:?})", self.name),
            }
        }
    }

    /// Read until an event fits, and give that one; panics if the body ends before.
    pub async fn until(&mut self, fits: impl Fn(&Event) -> bool) -> Event {
        let begun = Instant::now();
        loop {
            self.expect_in_time(begun);
            match self.next_event().await {
                Some(event) if fits(&event) => return event,
                Some(_) => {}
                None => panic!("{}: it ended without that: {:?}", self.name, self.seen),
            }
        }
    }

    /// Read until there is this much text, all deltas together; panics if the body ends before.
    pub async fn until_text(&mut self, fits: impl Fn(&str) -> bool) -> String {
        loop {
            let text = self.seen.text();
            if fits(&text) {
                return text;
            }
            self.until(Event::is_text).await;
        }
    }

    /// Read to the end of the body, however it ends.
    pub async fn to_end(&mut self) -> Transcript {
        let begun = Instant::now();
        while !matches!(self.next_item().await, Item::End(_)) {
            self.expect_in_time(begun);
        }
        self.seen.clone()
    }

    /// Read to the end, and expect a true one: the body ended cleanly, after `finish`, then
    /// exactly one `[DONE]`.
    pub async fn to_finish(&mut self) -> Transcript {
        let transcript = self.to_end().await;
        transcript.assert_finished();
        transcript
    }

    /// Heartbeats alone must not keep a test alive.
    fn expect_in_time(&self, begun: Instant) {
        let (name, limit, seen) = (&self.name, self.deadline, &self.seen);
        assert!(
            begun.elapsed() <= limit,
            "{name}: not within {limit:?}: {seen:?}"
        );
    }

    async fn read_item(&mut self) -> Item {
        loop {
            if let Some(item) = self.waiting.pop_front() {
                return item;
            }
            let Connection::Open(response) = &mut self.connection else {
                return Item::End(self.seen.end.clone().unwrap_or(BodyEnd::Clean));
            };
            let end = match response.chunk().await {
                Ok(Some(bytes)) => {
                    self.seen.bytes += bytes.len();
                    let items = self.parser.push(&bytes);
                    self.waiting.extend(items.into_iter().filter_map(to_item));
                    continue;
                }
                Ok(None) => BodyEnd::Clean,
                Err(error) => BodyEnd::Broken(format!("{error:?}")),
            };
            self.connection = Connection::Ended;
            assert!(
                end != BodyEnd::Clean || !self.parser.is_inside(),
                "{}: a clean end inside an event",
                self.name
            );
            return Item::End(end);
        }
    }
}

fn to_item(item: SseItem) -> Option<Item> {
    match item {
        SseItem::Comment(comment) => Some(Item::Comment(comment)),
        SseItem::Retry(_) => None,
        SseItem::Event(event) if event.data == "[DONE]" => Some(Item::Done),
        SseItem::Event(event) => {
            let json: Value = serde_json::from_str(&event.data)
                .unwrap_or_else(|error| panic!("no JSON ({error}): {:?}", event.data));
            assert!(
                json["type"].is_string(),
                "an event without a type: {:?}",
                event.data
            );
            Some(Item::Event(Event {
                cursor: event.id,
                json,
                raw: event.data,
            }))
        }
    }
}
