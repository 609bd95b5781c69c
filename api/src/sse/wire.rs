//! The events that differ between profiles, as clients get them.

use copilot_core::{
    event::FinishMetadata,
    position::Attempt,
    turn::{FinishReason, TurnError},
};
use serde::Serialize;
use serde_json::Value;

/// An event that is not sent as it is stored.
#[derive(Serialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub(crate) enum Wire<'a> {
    ToolInputAvailable {
        tool_call_id: &'a str,
        tool_name: &'a str,
        input: &'a Value,
    },
    #[serde(rename = "data-error")]
    DataError {
        data: &'a TurnError,
    },
    Error {
        error_text: &'a str,
    },
    Abort {},
    Finish {
        finish_reason: &'static str,
        message_metadata: &'a FinishMetadata,
    },
    #[serde(rename = "data-step-retry")]
    StepRetry {
        data: StepRetry,
    },
    ResetStep {},
}

/// Body of `data-step-retry`.
#[derive(Serialize)]
pub(crate) struct StepRetry {
    pub(crate) step: u32,
    pub(crate) attempt: Attempt,
}

/// `finishReason` as the SDK's closed list has it; our own word is in the metadata.
pub(crate) const fn finish_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Interrupted => FinishReason::Other.as_str(),
        known => known.as_str(),
    }
}
