//! All that one response said.

use std::ops::Deref;
use std::time::{Duration, Instant};

use http::HeaderMap;

use super::event::Event;
use super::event_stream::{BodyEnd, Item};
use crate::fold::{Fold, FoldError, UiMessage};

/// Everything read from an event stream so far.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// The response's headers.
    pub headers: HeaderMap,
    /// The events in order, `[DONE]` not among them.
    pub events: Vec<Event>,
    /// When each of `events` was read.
    pub read_at: Vec<Instant>,
    /// The comments in order; the first is the padding.
    pub comments: Vec<String>,
    /// How many `[DONE]` came.
    pub done: usize,
    /// How many bytes came.
    pub bytes: usize,
    /// How the body ended, if it has.
    pub end: Option<BodyEnd>,
    pub(super) sent_at: Option<Instant>,
    pub(super) is_behind_done: bool,
}

impl Transcript {
    pub(super) fn note(&mut self, item: &Item) {
        match item {
            Item::Comment(comment) => self.comments.push(comment.clone()),
            Item::Event(event) => {
                self.is_behind_done |= self.done > 0;
                self.events.push(event.clone());
                self.read_at.push(Instant::now());
            }
            Item::Done => self.done += 1,
            Item::End(end) => self.end = Some(end.clone()),
        }
    }

    /// The types of the events, in order.
    pub fn kinds(&self) -> Kinds {
        Kinds(
            self.events
                .iter()
                .map(|event| event.kind().to_owned())
                .collect(),
        )
    }

    /// The text of all `text-delta`s.
    pub fn text(&self) -> String {
        self.of("text-delta")
            .map(|event| event.str("delta"))
            .collect()
    }

    /// The text of all `reasoning-delta`s.
    pub fn reasoning(&self) -> String {
        self.of("reasoning-delta")
            .map(|event| event.str("delta"))
            .collect()
    }

    /// The events of one type.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Event> {
        self.events.iter().filter(move |event| event.is(kind))
    }

    /// The first event of one type; panics if there is none.
    pub fn first(&self, kind: &str) -> &Event {
        let mut events = self.events.iter();
        events
            .find(|event| event.is(kind))
            .unwrap_or_else(|| panic!("no {kind} in {:?}", self.kinds()))
    }

    /// The turn that `start` names.
    pub fn turn_id(&self) -> &str {
        let start = self.first("start");
        start.json["messageMetadata"]["turnId"]
            .as_str()
            .expect("a turn id in start")
    }

    /// The code of `data-error`, if one came.
    pub fn error_code(&self) -> Option<&str> {
        self.of("data-error")
            .next()
            .map(|event| event.json["data"]["code"].as_str().expect("a code"))
    }

    /// The cursor of the last event that had one.
    pub fn last_cursor(&self) -> Option<&str> {
        self.events
            .iter()
            .rev()
            .find_map(|event| event.cursor.as_deref())
    }

    /// From the request to the first event of this type.
    pub fn time_to(&self, kind: &str) -> Option<Duration> {
        let place = self.events.iter().position(|event| event.is(kind))?;
        Some(self.read_at[place].duration_since(self.sent_at?))
    }

    /// The message that `useChat` makes of these events.
    pub fn fold(&self) -> Result<UiMessage, FoldError> {
        let mut fold = Fold::new();
        fold.feed(self)?;
        fold.finish()
    }

    /// Whether the response told the turn's end, and ended itself.
    pub fn is_finished(&self) -> bool {
        self.end == Some(BodyEnd::Clean)
            && self.done == 1
            && !self.is_behind_done
            && self.events.last().is_some_and(Event::is_finish)
    }

    /// Panic unless the response told the turn's end, and ended itself.
    pub fn assert_finished(&self) {
        assert!(
            self.is_finished(),
            "no true end: {:?}, {} × [DONE], {:?}",
            self.end,
            self.done,
            self.kinds()
        );
    }

    /// Panic unless the response broke without any sign of an end.
    pub fn assert_broken(&self) {
        assert!(
            matches!(self.end, Some(BodyEnd::Broken(_)))
                && self.done == 0
                && self.of("finish").next().is_none(),
            "not broken: {:?}, {} × [DONE], {:?}",
            self.end,
            self.done,
            self.kinds()
        );
    }
}

/// The types of events, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds(Vec<String>);

impl Kinds {
    /// The last two.
    pub fn last_two(&self) -> Vec<&str> {
        self.last(2)
    }

    /// The last `count`.
    pub fn last(&self, count: usize) -> Vec<&str> {
        let from = self.0.len().saturating_sub(count);
        self.0[from..].iter().map(String::as_str).collect()
    }

    /// Neighbours of the same type as one: what stays when deltas merge.
    pub fn merged(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = self.0.iter().map(String::as_str).collect();
        kinds.dedup();
        kinds
    }
}

impl Deref for Kinds {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl<T: AsRef<[&'static str]>> PartialEq<T> for Kinds {
    fn eq(&self, other: &T) -> bool {
        self.0 == other.as_ref()
    }
}
