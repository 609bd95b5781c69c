//! What programs that serve the API can do beside serving it.

use copilot_runtime::{cli::print, settings::SettingsDraft};
use std::process::ExitCode;

/// Commands of `copilot` and `copilot-api`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ApiCommand {
    /// Print the OpenAPI document.
    Openapi,
}

impl ApiCommand {
    /// Does it. Settings are read only by what needs them.
    pub fn run(
        self,
        _draft: impl FnOnce() -> anyhow::Result<SettingsDraft>,
    ) -> anyhow::Result<ExitCode> {
        match self {
            Self::Openapi => {
                print(&crate::openapi())?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
