//! Requests without a network.

use crate::fakes::{self, FakeStore};
use copilot_api::{ApiConfig, app};
use poem::{Endpoint, Request, RequestBuilder, Response, endpoint::BoxEndpoint, http::Method};
use serde_json::Value;
use std::sync::Arc;

/// The app over a played store.
pub(crate) struct Api {
    pub(crate) store: Arc<FakeStore>,
    app: BoxEndpoint<'static, Response>,
}

impl Api {
    pub(crate) fn new(config: ApiConfig) -> Self {
        let store = Arc::new(FakeStore::default());
        let app = app(fakes::state(&store, config));
        Self { store, app }
    }

    pub(crate) fn plain() -> Self {
        Self::new(ApiConfig::default())
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Response {
        self.app.get_response(request.finish()).await
    }

    pub(crate) async fn send_body(&self, request: RequestBuilder, body: &str) -> Response {
        let request = request.content_type("application/json");
        self.app.get_response(request.body(body.to_owned())).await
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.send_body(request(Method::POST, path), &body.to_string())
            .await
    }
}

/// A request as a local client sends it.
pub(crate) fn request(method: Method, path: &str) -> RequestBuilder {
    Request::builder()
        .method(method)
        .uri_str(path)
        .header("host", "localhost:8006")
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

pub(crate) async fn text(response: Response) -> String {
    response.into_body().into_string().await.unwrap()
}

pub(crate) async fn json(response: Response) -> Value {
    assert!(response.status().is_success(), "{}", response.status());
    serde_json::from_str(&text(response).await).unwrap()
}

/// The body of an error, checked for what every error has.
pub(crate) async fn problem(response: Response, status: u16) -> Value {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(
        header(&response, "content-type"),
        "application/problem+json"
    );
    let request_id = header(&response, "x-request-id").to_owned();
    let problem: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["request_id"], request_id.as_str());
    for field in ["type", "title", "code", "detail"] {
        assert!(problem[field].is_string(), "{field} in {problem}");
    }
    problem
}
