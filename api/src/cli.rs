//! What programs that serve the API can do beside serving it.

use crate::auth::dev_token;
use copilot_core::clock::{Clock, SystemClock};
use copilot_runtime::{cli::print, settings::SettingsDraft};
use std::{process::ExitCode, time::Duration};

/// A year.
const LONGEST_SECONDS: u64 = 365 * 24 * 60 * 60;

/// Commands of `copilot` and `copilot-api`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ApiCommand {
    /// Print the OpenAPI document.
    Openapi,
    /// Print a token for development, signed with `auth.jwt_secret`.
    Token {
        /// The user's id; becomes the token's `sub`.
        #[arg(long, value_name = "ID")]
        user: String,
        /// Life of the token.
        #[arg(
            long,
            value_name = "SECONDS",
            default_value_t = 3600,
            value_parser = clap::value_parser!(u64).range(1..=LONGEST_SECONDS)
        )]
        expires_in: u64,
    },
}

impl ApiCommand {
    /// Does it. Settings are read only by what needs them.
    pub fn run(
        self,
        draft: impl FnOnce() -> anyhow::Result<SettingsDraft>,
    ) -> anyhow::Result<ExitCode> {
        match self {
            Self::Openapi => print(&crate::openapi())?,
            Self::Token { user, expires_in } => {
                let auth = draft()?.auth()?;
                let life = Duration::from_secs(expires_in);
                let token = dev_token(auth.as_ref(), user, SystemClock.now(), life)?;
                print(&token)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
