//! The REST and SSE server: what `CONTRACT.md` §3 and §4 promise, over the use cases of
//! `copilot-core`. It knows nothing of models, brokers or databases.
//!
//! The composition root makes an [`ApiState`] of its ports and hands it to [`serve`].

mod accepting;
mod app;
mod auth;
mod body_limit;
mod cli;
mod config;
mod cors;
mod cursor;
mod dto;
mod error;
mod fields;
mod forwarded;
mod from_settings;
mod guard;
mod head_limit;
mod health_probe;
mod limits;
mod measured;
mod methods;
mod metrics;
mod openapi;
mod problem;
mod request_id;
mod request_span;
mod role;
mod routes;
mod server;
mod sse;
mod state;
#[cfg(test)]
mod testing;
mod ui_message;
mod wrong_parameter;

pub use app::app;
pub use auth::{Authenticator, KeySourceError};
pub use cli::ApiCommand;
pub use config::ApiConfig;
pub use metrics::ApiMetrics;
pub use openapi::openapi;
pub use role::{StartError, start};
pub use server::serve;
pub use sse::Profile;
pub use state::{ApiParts, ApiState};

/// The version that `/health` and the OpenAPI document tell.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
