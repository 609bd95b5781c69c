//! `copilot chat`, and what its end is for a shell.

use copilot_terminal::{ChatArgs, ChatError, Ended};
use std::process::ExitCode;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const UNREACHABLE: u8 = 3;
/// As a shell tells of a program that Ctrl-C has ended.
const CANCELLED: u8 = 130;

/// Talks until the end. It reads no settings of a server: it is a client.
pub(crate) fn chat(args: ChatArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(copilot_terminal::chat(args)),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Failed) => FAILED.into(),
        Ok(Ended::Cancelled) => CANCELLED.into(),
        Err(error) => {
            eprintln!("copilot: {error}");
            match error {
                ChatError::NoMessage => USAGE.into(),
                ChatError::Unreachable { .. } | ChatError::Lost { .. } => UNREACHABLE.into(),
                _ => FAILED.into(),
            }
        }
    }
}
