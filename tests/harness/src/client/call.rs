//! A request under construction.

use std::fmt::Display;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::{Method, StatusCode};
use reqwest::{RequestBuilder, Response};
use serde_json::{Map, Value};

use super::answer::{Answer, Problem};
use super::event_stream::EventStream;
use crate::deadline::{DEADLINE, within};

/// A request that can be changed in every respect, and then be sent as one of
/// [`ok`](Self::ok), [`answer`](Self::answer), [`problem`](Self::problem), or
/// [`events`](Self::events).
#[derive(Debug)]
#[must_use = "a call does nothing until it is sent"]
pub struct Call {
    builder: RequestBuilder,
    name: String,
    fields: Option<Map<String, Value>>,
}

impl Call {
    pub(super) fn new(builder: RequestBuilder, method: &Method, path: &str) -> Self {
        Self {
            builder,
            name: format!("{method} {path}"),
            fields: None,
        }
    }

    /// Set a field of the JSON body.
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        let fields = self.fields.get_or_insert_default();
        fields.insert(name.to_owned(), value.into());
        self
    }

    /// The body's `message_id`.
    pub fn message_id(self, id: &str) -> Self {
        self.field("message_id", id)
    }

    /// The body's `on_busy`.
    pub fn on_busy(self, policy: &str) -> Self {
        self.field("on_busy", policy)
    }

    /// A body of any kind instead of JSON fields.
    pub fn raw_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.fields = None;
        self.builder = self
            .builder
            .header(CONTENT_TYPE, content_type)
            .body(body.into());
        self
    }

    /// A header, beside the ones that are there.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    /// `Idempotency-Key`.
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// `Last-Event-ID`.
    pub fn after(self, cursor: &str) -> Self {
        self.header("last-event-id", cursor)
    }

    /// Another `Host` than the real one.
    pub fn host(self, host: &str) -> Self {
        self.header(HOST.as_str(), host)
    }

    /// `Origin`, as a browser sends it.
    pub fn origin(self, origin: &str) -> Self {
        self.header(ORIGIN.as_str(), origin)
    }

    /// A bearer token.
    pub fn token(mut self, token: &str) -> Self {
        self.builder = self.builder.bearer_auth(token);
        self
    }

    /// A query parameter.
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        self.builder = self.builder.query(&[(name, value.to_string())]);
        self
    }

    /// The stream's profile: `v5`, `v6`, `v7`.
    pub fn profile(self, profile: &str) -> Self {
        self.query("profile", profile)
    }

    /// Send, and read the whole response.
    pub async fn answer(self) -> Answer {
        let name = self.name.clone();
        within(DEADLINE, || format!("the answer to {name}"), async {
            let response = self.send().await;
            Answer {
                status: response.status(),
                headers: response.headers().clone(),
                body: response.bytes().await.expect("a whole body"),
            }
        })
        .await
    }

    /// Send, and expect this status.
    pub async fn status(self, status: u16) -> Answer {
        let name = self.name.clone();
        let answer = self.answer().await;
        let expected = StatusCode::from_u16(status).expect("an HTTP status");
        assert_eq!(answer.status, expected, "{name}: {}", answer.text());
        answer
    }

    /// Send, expect success, and give the JSON body; null if there is no body.
    pub async fn ok(self) -> Value {
        let name = self.name.clone();
        let answer = self.answer().await;
        assert!(
            answer.status.is_success(),
            "{name}: {} {}",
            answer.status,
            answer.text()
        );
        if answer.body.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }

    /// Send, and expect an error with this status, its body in due form.
    pub async fn problem(self, status: u16) -> Problem {
        self.status(status).await.problem()
    }

    /// The response as an event stream; it is sent at the first look at it.
    pub fn events(self) -> EventStream {
        EventStream::new(self)
    }

    /// Send now, and give the open event stream.
    pub async fn open(self) -> EventStream {
        let mut stream = self.events();
        stream.connect().await;
        stream
    }

    /// Send, and read the whole response; none if the server is not there, or goes away.
    pub async fn try_answer(self) -> Option<Answer> {
        let response = self.try_send().await.ok()?;
        Some(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await.ok()?,
        })
    }

    /// Send, and give the open event stream; none if the server is not there, or cannot.
    pub async fn try_open(self) -> Option<EventStream> {
        let name = self.name.clone();
        let response = self.try_send().await.ok()?;
        (response.status() == StatusCode::OK).then(|| EventStream::of(name, response))
    }

    /// Send, and give the response as soon as its headers are there.
    pub async fn send(self) -> Response {
        let name = self.name.clone();
        let sent = self.try_send().await;
        sent.unwrap_or_else(|error| panic!("{name} failed: {error:?}"))
    }

    async fn try_send(self) -> reqwest::Result<Response> {
        let Self {
            builder,
            name,
            fields,
        } = self;
        let builder = match fields {
            Some(fields) => builder.json(&fields),
            None => builder,
        };
        within(
            DEADLINE,
            || format!("the head of the answer to {name}"),
            builder.send(),
        )
        .await
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}
