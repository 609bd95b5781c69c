use super::{Check, Finding};
use crate::settings::SandboxSettings;
use async_trait::async_trait;
use std::env;

/// Whether there is something to run shell commands in. Nothing uses it yet.
pub(super) struct Sandbox(pub(super) SandboxSettings);

#[async_trait]
impl Check for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    async fn run(&self) -> Finding {
        let note = match (&self.0, has_bubblewrap()) {
            (SandboxSettings::None, _) => "none, as set",
            (SandboxSettings::E2b { .. }, _) => "e2b, not asked",
            (SandboxSettings::Auto | SandboxSettings::Bubblewrap, true) => "bubblewrap is there",
            (SandboxSettings::Auto, false) => "none: bubblewrap is not installed",
            (SandboxSettings::Bubblewrap, false) => {
                return Finding::warning(
                    "bubblewrap is not installed",
                    "install it (package bubblewrap), or change sandbox.kind; not used by this version yet",
                );
            }
        };
        Finding::ok(format!("{note}; not used by this version yet"))
    }
}

fn has_bubblewrap() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join("bwrap").is_file())
}
