//! From settings to the server's configuration.

use crate::{
    config::{ApiConfig, AuthMode},
    sse::Profile,
};
use copilot_core::turn::Caps;
use copilot_runtime::settings::{AuthSettings, Settings, StreamProfile};

/// Settings that this version of the server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum UnservedSetting {
    /// There is no token check yet.
    #[error("auth.mode: only local is in this version")]
    Auth,
}

impl TryFrom<&Settings> for ApiConfig {
    type Error = UnservedSetting;

    fn try_from(settings: &Settings) -> Result<Self, Self::Error> {
        let Settings {
            server,
            stream,
            turn,
            llm,
            ..
        } = settings;
        let Some(AuthSettings::Local) = settings.auth else {
            return Err(UnservedSetting::Auth);
        };
        Ok(Self {
            auth: AuthMode::Local,
            base_path: server.base_path.clone(),
            public_url: server.public_url.as_ref().map(ToString::to_string),
            allowed_hosts: server.allowed_hosts.clone(),
            cors_origins: server.cors_origins.clone(),
            max_body_bytes: server.max_body_bytes,
            ai_sdk_max_body_bytes: server.max_ai_sdk_body_bytes,
            caps: Caps {
                running: turn.max_running_per_user,
                in_flight: turn.max_in_flight_per_user,
            },
            default_model: llm.model.clone(),
            models: llm.models.clone(),
            stream_ttl: stream.ttl,
            heartbeat: stream.heartbeat,
            profile: match stream.profile {
                StreamProfile::V5 => Profile::V5,
                StreamProfile::V6 => Profile::V6,
                StreamProfile::V7 => Profile::V7,
            },
            connection_limit: stream.connection_limit,
            shutdown_delay: server.shutdown_delay,
            drain_timeout: server.drain_timeout,
            ..Self::default()
        })
    }
}
