//! The OpenAPI document.

use crate::{
    VERSION,
    config::ApiConfig,
    routes::{
        ai_sdk::AiSdkRoutes,
        cancel::CancelRoutes,
        config::ConfigRoutes,
        health::{HealthRoutes, ProbeRoutes},
        sessions::SessionRoutes,
        stream::StreamRoutes,
        turns::TurnRoutes,
    },
};
use poem_openapi::{OpenApiService, Tags};

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
    HealthRoutes,
    ProbeRoutes,
);

/// The document as JSON, for people to read.
#[must_use]
pub fn openapi() -> String {
    let mut document = service(&ApiConfig::default()).spec();
    document.push('\n');
    document
}

pub(crate) fn service(config: &ApiConfig) -> OpenApiService<Routes, ()> {
    let routes = (
        SessionRoutes,
        StreamRoutes,
        TurnRoutes,
        CancelRoutes,
        AiSdkRoutes,
        ConfigRoutes,
        HealthRoutes,
        ProbeRoutes,
    );
    let service = OpenApiService::new(routes, "Copilot", VERSION)
        .summary("An AI copilot as a service")
        .description(
            "Sessions, turns and their event streams. Streams are the UI message stream of the \
             Vercel AI SDK; see `docs/` for the events.",
        );
    let server = config
        .public_url
        .clone()
        .unwrap_or_else(|| config.base_path.clone());
    if server.is_empty() {
        service
    } else {
        service.server(server.trim_end_matches('/'))
    }
}
