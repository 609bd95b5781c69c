//! The OpenAPI document.

mod answered;
mod document;
mod examples;
pub(crate) mod placeholder;
mod polish;
pub(crate) mod stream_event;

use crate::{
    VERSION,
    config::ApiConfig,
    routes::{
        ai_sdk::AiSdkRoutes,
        cancel::CancelRoutes,
        config::ConfigRoutes,
        health::{HealthRoutes, ProbeRoutes},
        schema::SchemaRoutes,
        sessions::SessionRoutes,
        stream::StreamRoutes,
        turns::TurnRoutes,
    },
};
use poem_openapi::{ExtraHeader, LicenseObject, OpenApiService, Tags};
use serde_json::Value;

pub(crate) use document::document;

/// The groups of the document.
#[derive(Tags)]
pub(crate) enum Tag {
    /// Conversations
    #[oai(rename = "sessions")]
    Sessions,
    /// Messages and the work that answers them
    #[oai(rename = "turns")]
    Turns,
    /// What `DefaultChatTransport` of the AI SDK calls
    #[oai(rename = "ai-sdk")]
    AiSdk,
    /// What tools return
    #[oai(rename = "tools")]
    Tools,
    /// Whether it works
    #[oai(rename = "health")]
    Health,
}

/// All routes that the document shows.
pub(crate) type Routes = (
    SessionRoutes,
    StreamRoutes,
    TurnRoutes,
    CancelRoutes,
    AiSdkRoutes,
    ConfigRoutes,
    SchemaRoutes,
    HealthRoutes,
    ProbeRoutes,
);

/// The document as JSON, for people to read.
#[must_use]
pub fn openapi() -> String {
    format!("{:#}\n", document(&ApiConfig::default()))
}

/// The page to read it and to try it: the framework's, with our document in it.
pub(crate) fn page(config: &ApiConfig, document: &Value) -> String {
    let service = service(config);
    service
        .swagger_ui_html()
        .replace(&service.spec(), &document.to_string())
}

pub(crate) fn service(config: &ApiConfig) -> OpenApiService<Routes, ()> {
    let routes = (
        SessionRoutes,
        StreamRoutes,
        TurnRoutes,
        CancelRoutes,
        AiSdkRoutes,
        ConfigRoutes,
        SchemaRoutes,
        HealthRoutes,
        ProbeRoutes,
    );
    let service = OpenApiService::new(routes, "Copilot", VERSION)
        .description(
            "An AI copilot as a service. Sessions, turns and their event streams. Streams are the UI message stream of the \
             Vercel AI SDK; see `docs/` for the events.",
        )
        .license(LicenseObject::new("MIT OR Apache-2.0"))
        .extra_request_header::<Option<String>, _>(
            ExtraHeader::new("x-request-id").description("The client's name for the request"),
        )
        .extra_response_header::<String, _>(
            ExtraHeader::new("x-request-id").description("The name of the request"),
        );
    let server = config
        .public_url
        .clone()
        .unwrap_or_else(|| config.base_path.clone());
    service.server(if server.is_empty() {
        "/"
    } else {
        server.as_str()
    })
}
