//! The routes that a conversation needs.

use crate::{args::ChatArgs, error::ChatError};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// For a connection, and for an answer that is no stream.
const PATIENCE: Duration = Duration::from_secs(10);
/// The server sends a heartbeat every few seconds; a stream without one is dead.
const SILENCE: Duration = Duration::from_mins(1);
/// The profile that tells most plainly what becomes of a step.
const PROFILE: &str = "v7";

/// A server, as one user sees it.
pub(crate) struct Server {
    http: Client,
    base: String,
    token: Option<String>,
}

impl Server {
    pub(crate) fn new(args: &ChatArgs) -> Result<Self, ChatError> {
        let base = args.url.as_str().trim_end_matches('/').to_owned();
        let http = Client::builder()
            .connect_timeout(PATIENCE)
            .read_timeout(SILENCE)
            .build();
        let unreachable = |source| ChatError::Unreachable {
            url: base.clone(),
            source,
        };
        Ok(Self {
            http: http.map_err(unreachable)?,
            base,
            token: args.token.clone(),
        })
    }

    /// A new session's id.
    pub(crate) async fn create_session(&self) -> Result<String, ChatError> {
        let request = self.request(Method::POST, "/sessions").timeout(PATIENCE);
        let answer = self.send(request.json(&json!({}))).await?;
        let body: Value = answer.json().await.map_err(|source| self.away(source))?;
        let id = body.get("id").and_then(Value::as_str).map(str::to_owned);
        id.ok_or_else(|| ChatError::Foreign(self.base.clone()))
    }

    /// Sends a message; the same id again attaches to the turn that it began.
    pub(crate) async fn start(
        &self,
        session: &str,
        message: &str,
        id: Uuid,
    ) -> Result<Response, ChatError> {
        let request = self
            .request(Method::POST, &format!("/sessions/{session}/stream"))
            .query(&[("profile", PROFILE)])
            .json(&json!({"message": message, "message_id": id}));
        self.send(request).await
    }

    /// What comes after a cursor.
    pub(crate) async fn resume(&self, session: &str, cursor: &str) -> Result<Response, ChatError> {
        let request = self
            .request(Method::GET, &format!("/sessions/{session}/stream"))
            .query(&[("profile", PROFILE)])
            .header("last-event-id", cursor);
        self.send(request).await
    }

    /// Cancels a turn; without one, all of the session.
    pub(crate) async fn cancel(&self, session: &str, turn: Option<&str>) -> Result<(), ChatError> {
        let request = self
            .request(Method::POST, &format!("/sessions/{session}/cancel"))
            .timeout(PATIENCE);
        self.send(request.json(&json!({"turn_id": turn}))).await?;
        Ok(())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/chat{path}", self.base);
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ChatError> {
        let answer = request.send().await.map_err(|source| self.away(source))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let retry_after = answer.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let problem: Value = answer.json().await.unwrap_or_default();
        let detail = problem.get("detail").and_then(Value::as_str);
        let detail = detail.map_or_else(|| format!("the server answers {status}"), str::to_owned);
        Err(match status {
            StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => ChatError::Unavailable {
                detail,
                retry_after: retry_after.map(Duration::from_secs),
            },
            _ => ChatError::Refused {
                status: status.as_u16(),
                detail,
            },
        })
    }

    /// A response that could not be read.
    pub(crate) fn away(&self, source: reqwest::Error) -> ChatError {
        ChatError::Unreachable {
            url: self.base.clone(),
            source: source.without_url(),
        }
    }
}
