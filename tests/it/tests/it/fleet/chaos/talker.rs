//! One who holds a conversation over a bad line.

use std::time::{Duration, Instant};

use copilot_harness::client::Item;
use copilot_harness::{Call, Client, EventStream, Transcript};
use rand::{RngExt as _, rngs::StdRng};
use tokio::sync::watch;

use super::question::Question;
use crate::pieces::mended;

/// No answer may take longer, whatever is killed meanwhile.
const LIMIT: Duration = Duration::from_secs(90);
/// Of all messages, those that are cancelled.
const CANCELLED: f64 = 0.15;
/// Of all events, those after which the line breaks.
const BROKEN: f64 = 0.02;

pub(super) struct Talker {
    number: usize,
    /// Of all apis.
    clients: Vec<Client>,
    goes_on: watch::Receiver<bool>,
    rng: StdRng,
}

/// A message with its whole answer.
pub(super) struct Spoken {
    pub(super) session_id: String,
    pub(super) turn_id: String,
    /// The answer as it was read.
    pub(super) text: String,
    pub(super) is_cancelled: bool,
    pub(super) responses: usize,
    /// Between two events that are part of the message.
    pub(super) longest_gap: Duration,
}

impl Talker {
    pub(super) fn new(
        number: usize,
        clients: Vec<Client>,
        goes_on: watch::Receiver<bool>,
        rng: StdRng,
    ) -> Self {
        Self {
            number,
            clients,
            goes_on,
            rng,
        }
    }

    /// Asks one question after the other as long as it goes on.
    pub(super) async fn talk(mut self) -> Vec<Spoken> {
        let session = self.session().await;
        let mut spoken = Vec::new();
        while *self.goes_on.borrow() {
            let id = format!("m{}-{}", self.number, spoken.len());
            spoken.push(self.ask(&session, &id).await);
        }
        spoken
    }

    async fn session(&mut self) -> String {
        loop {
            let asked = self.client().post("/api/chat/sessions").try_answer().await;
            if let Some(answer) = asked.filter(|answer| answer.status == 200) {
                let id = answer.json()["id"].as_str().map(str::to_owned);
                return id.expect("the new session's id");
            }
            self.rest().await;
        }
    }

    async fn ask(&mut self, session: &str, message_id: &str) -> Spoken {
        let question = Question::random(&mut self.rng);
        let cancel_after = self
            .rng
            .random_bool(CANCELLED)
            .then(|| self.rng.random_range(0..30));
        let mut reading = Reading::of(session, message_id, question);
        let begun = Instant::now();
        while !reading.is_finished() {
            assert!(
                begun.elapsed() < LIMIT,
                "{message_id}: {:?}",
                reading.responses
            );
            let call = reading.next_call(self.client());
            match call.try_open().await {
                Some(events) => self.read(&mut reading, events, cancel_after).await,
                None => self.rest().await,
            }
        }
        reading.spoken()
    }

    /// Reads until the response ends, or the line breaks.
    async fn read(
        &mut self,
        reading: &mut Reading,
        mut events: EventStream,
        cancel_after: Option<usize>,
    ) {
        loop {
            match events.next_item().await {
                Item::End(_) => break,
                Item::Event(event) if event.is_finish() => {}
                Item::Event(_) if self.rng.random_bool(BROKEN) => break,
                Item::Event(_) | Item::Comment(_) | Item::Done => {}
            }
            let is_due = cancel_after
                .is_some_and(|after| reading.events + events.seen().events.len() > after);
            if is_due && !reading.is_cancelled {
                reading.is_cancelled = self.cancel(reading, events.seen()).await;
            }
        }
        reading.add(events.seen().clone());
    }

    /// Whether the cancel got through.
    async fn cancel(&mut self, reading: &Reading, seen: &Transcript) -> bool {
        let Some(turn) = reading.turn_id(seen) else {
            return false;
        };
        let cancel = self.client().cancel(&reading.session, Some(&turn));
        // It may have been heard even if the answer was lost.
        let _ = cancel.try_answer().await;
        true
    }

    fn client(&mut self) -> &Client {
        let number = self.rng.random_range(0..self.clients.len());
        &self.clients[number]
    }

    /// Before the next try.
    async fn rest(&mut self) {
        let millis = self.rng.random_range(20..200);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

/// An answer out of several responses.
struct Reading {
    session: String,
    message_id: String,
    question: Question,
    responses: Vec<Transcript>,
    all_responses: usize,
    /// In `responses`.
    events: usize,
    is_cancelled: bool,
}

impl Reading {
    fn of(session: &str, message_id: &str, question: Question) -> Self {
        Self {
            session: session.to_owned(),
            message_id: message_id.to_owned(),
            question,
            responses: Vec::new(),
            all_responses: 0,
            events: 0,
            is_cancelled: false,
        }
    }

    /// The same message again until an event has come that can be gone on from.
    fn next_call(&self, client: &Client) -> Call {
        let cursor = self
            .responses
            .iter()
            .rev()
            .find_map(Transcript::last_cursor);
        match cursor {
            Some(cursor) => client.resume(&self.session, Some(cursor)),
            None => client
                .start_stream(&self.session, &self.question.text())
                .message_id(&self.message_id),
        }
    }

    fn add(&mut self, response: Transcript) {
        self.all_responses += 1;
        let is_whole = response.events.iter().any(|event| event.is("start"));
        if is_whole {
            self.responses.clear();
        }
        self.responses.push(response);
        self.events = self
            .responses
            .iter()
            .map(|response| response.events.len())
            .sum();
    }

    fn turn_id(&self, seen: &Transcript) -> Option<String> {
        let mut all = self.responses.iter().chain([seen]);
        all.find_map(|response| {
            let start = response.of("start").next()?;
            start.json["messageMetadata"]["turnId"]
                .as_str()
                .map(str::to_owned)
        })
    }

    fn is_finished(&self) -> bool {
        self.responses.last().is_some_and(Transcript::is_finished)
    }

    fn spoken(self) -> Spoken {
        let message = mended(&self.responses);
        let message = message.unwrap_or_else(|error| panic!("{}: {error}", self.message_id));
        let (text, answer) = (message.text(), self.question.answer());
        if self.is_cancelled {
            assert!(answer.starts_with(&text), "{}: {text:?}", self.message_id);
        } else {
            assert_eq!(text, answer, "{}", self.message_id);
        }
        Spoken {
            turn_id: self.turn_id(&Transcript::default()).expect("a start"),
            session_id: self.session,
            text,
            is_cancelled: self.is_cancelled,
            responses: self.all_responses,
            longest_gap: longest_gap(&self.responses),
        }
    }
}

fn longest_gap(responses: &[Transcript]) -> Duration {
    let events = responses
        .iter()
        .flat_map(|response| response.events.iter().zip(&response.read_at));
    let times: Vec<Instant> = events
        .filter(|(event, _)| !event.is_transient())
        .map(|(_, at)| *at)
        .collect();
    let gaps = times
        .windows(2)
        .map(|pair| pair[1].saturating_duration_since(pair[0]));
    gaps.max().unwrap_or_default()
}
