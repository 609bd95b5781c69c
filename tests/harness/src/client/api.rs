//! The routes.

use http::Method;
use serde_json::{Value, json};

use super::call::Call;
use super::turn::Turn;
use crate::deadline::DEADLINE;

/// A client of one server. Every method gives a [`Call`], which can be changed before it is sent.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    /// For a server at `base`, such as `http://127.0.0.1:8006`.
    pub fn new(base: impl Into<String>) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(DEADLINE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a plain HTTP client");
        Self {
            http,
            base: base.into().trim_end_matches('/').to_owned(),
            token: None,
        }
    }

    /// The same client with a bearer token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self.clone()
        }
    }

    /// The same client without a token.
    #[must_use]
    pub fn without_token(&self) -> Self {
        Self {
            token: None,
            ..self.clone()
        }
    }

    /// The same user with connections of its own: another browser, another pod.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self {
            token: self.token.clone(),
            ..Self::new(&self.base)
        }
    }

    /// Where the server is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Any request; `path` begins with `/`.
    pub fn call(&self, method: &Method, path: &str) -> Call {
        let url = format!("{}{path}", self.base);
        let mut builder = self.http.request(method.clone(), url);
        if let Some(token) = &self.token {
            builder = builder.bearer_auth(token);
        }
        Call::new(builder, method, path)
    }

    /// `GET` any path.
    pub fn get(&self, path: &str) -> Call {
        self.call(&Method::GET, path)
    }

    /// `POST` any path.
    pub fn post(&self, path: &str) -> Call {
        self.call(&Method::POST, path)
    }

    /// A new session's id.
    pub async fn create_session(&self) -> String {
        let created = self.post("/api/chat/sessions").ok().await;
        created["id"]
            .as_str()
            .expect("the new session's id")
            .to_owned()
    }

    /// `GET /sessions`.
    pub fn list_sessions(&self) -> Call {
        self.get("/api/chat/sessions")
    }

    /// `GET /sessions/{id}`.
    pub fn get_session(&self, session: &str) -> Call {
        self.get(&format!("/api/chat/sessions/{session}"))
    }

    /// `DELETE /sessions/{id}`.
    pub fn delete_session(&self, session: &str) -> Call {
        self.call(&Method::DELETE, &format!("/api/chat/sessions/{session}"))
    }

    /// `PATCH /sessions/{id}/title`.
    pub fn rename(&self, session: &str, title: &str) -> Call {
        let path = format!("/api/chat/sessions/{session}/title");
        self.call(&Method::PATCH, &path).field("title", title)
    }

    /// `PATCH /sessions/{id}/assign-user`.
    pub fn claim(&self, session: &str) -> Call {
        let path = format!("/api/chat/sessions/{session}/assign-user");
        self.call(&Method::PATCH, &path)
    }

    /// `POST /sessions/{id}/stream`.
    pub fn start_stream(&self, session: &str, message: &str) -> Call {
        let path = format!("/api/chat/sessions/{session}/stream");
        self.post(&path).field("message", message)
    }

    /// `GET /sessions/{id}/stream`, with `Last-Event-ID` if there is a cursor.
    pub fn resume(&self, session: &str, cursor: Option<&str>) -> Call {
        let call = self.get(&format!("/api/chat/sessions/{session}/stream"));
        resumed(call, cursor)
    }

    /// `GET /sessions/{id}/turns/{turn}/stream`, with `Last-Event-ID` if there is a cursor.
    pub fn replay(&self, session: &str, turn: &str, cursor: Option<&str>) -> Call {
        let call = self.get(&format!("/api/chat/sessions/{session}/turns/{turn}/stream"));
        resumed(call, cursor)
    }

    /// `POST /sessions/{id}/cancel`; without a turn also without a body.
    pub fn cancel(&self, session: &str, turn: Option<&str>) -> Call {
        let call = self.post(&format!("/api/chat/sessions/{session}/cancel"));
        match turn {
            Some(turn) => call.field("turn_id", turn),
            None => call,
        }
    }

    /// `POST /sessions/{id}/turns`: the turn runs without a stream.
    pub fn start_turn(&self, session: &str, message: &str) -> Call {
        let path = format!("/api/chat/sessions/{session}/turns");
        self.post(&path).field("message", message)
    }

    /// `GET /sessions/{id}/turns/{turn}`.
    pub fn get_turn(&self, session: &str, turn: &str) -> Call {
        self.get(&format!("/api/chat/sessions/{session}/turns/{turn}"))
    }

    /// `GET /sessions/{id}/turns`.
    pub fn list_turns(&self, session: &str) -> Call {
        self.get(&format!("/api/chat/sessions/{session}/turns"))
    }

    /// Begin a turn without a stream, in a session of its own.
    pub async fn turn(&self, message: &str) -> Turn {
        let session = self.create_session().await;
        self.turn_in(&session, message).await
    }

    /// Begin a turn without a stream.
    pub async fn turn_in(&self, session: &str, message: &str) -> Turn {
        let started = self.start_turn(session, message).status(202).await.json();
        let id = started["id"].as_str().expect("the new turn's id");
        self.known_turn(session, id)
    }

    /// A handle on a turn whose ids are known.
    pub fn known_turn(&self, session: &str, turn: &str) -> Turn {
        Turn::new(self.clone(), session, turn)
    }

    /// `POST /api/chat`, as `DefaultChatTransport` sends it; see [`user_message`].
    pub fn ai_sdk_send(&self, chat: &str, messages: impl IntoIterator<Item = Value>) -> Call {
        let messages: Vec<Value> = messages.into_iter().collect();
        self.post("/api/chat")
            .field("id", chat)
            .field("messages", messages)
            .field("trigger", "submit-message")
    }

    /// `GET /api/chat/{id}/stream`.
    pub fn ai_sdk_resume(&self, chat: &str) -> Call {
        self.get(&format!("/api/chat/{chat}/stream"))
    }

    /// `GET /api/chat/{id}/messages`.
    pub fn ai_sdk_messages(&self, chat: &str) -> Call {
        self.get(&format!("/api/chat/{chat}/messages"))
    }
}

/// A user's `UIMessage` with one text part.
pub fn user_message(id: &str, text: &str) -> Value {
    json!({"id": id, "role": "user", "parts": [{"type": "text", "text": text}]})
}

fn resumed(call: Call, cursor: Option<&str>) -> Call {
    match cursor {
        Some(cursor) => call.after(cursor),
        None => call,
    }
}
