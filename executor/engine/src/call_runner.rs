//! One tool call, from its arguments to its outcome. Nothing a tool does gets out of here but an
//! outcome: not a panic, not a hang, not an endless result.

use crate::{
    bounded,
    registry::{ReadyCall, Registry, need_login},
    tool::{ToolContext, ToolError},
    tool_meter::{Timing, ToolEnd, ToolMeter},
};
use copilot_core::{
    ledger::CallOutcome,
    message::{value_without_nul, without_nul},
};
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;

/// A tool's fault that ends the turn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tool {tool} failed")]
pub struct FatalToolError {
    /// The tool.
    pub tool: String,
    /// What happened; for the log.
    pub reason: String,
}

/// Runs a call and gives its outcome, whatever happens.
pub async fn run_call(
    registry: &Registry,
    meter: &dyn ToolMeter,
    context: ToolContext,
    name: &str,
    arguments: &str,
) -> Result<CallOutcome, FatalToolError> {
    let timing = Timing::begin(meter, registry.metered_name(name));
    let (end, outcome) = match registry.prepare(name, arguments) {
        Ok(ready) => run_ready(ready, &context).await,
        Err(sentence) => (ToolEnd::Rejected, Ok(CallOutcome::Error(sentence))),
    };
    timing.end(end);
    outcome
}

async fn run_ready(
    ready: ReadyCall,
    context: &ToolContext,
) -> (ToolEnd, Result<CallOutcome, FatalToolError>) {
    let facts = ready.tool.facts();
    if facts.needs_user && context.user_id.is_none() {
        let answer = need_login(context, facts.name);
        return (ToolEnd::Rejected, Ok(CallOutcome::Output(answer)));
    }
    let call = AssertUnwindSafe(ready.tool.call(context, ready.input)).catch_unwind();
    let ended = tokio::time::timeout(facts.time_limit, call).await;
    // What a tool has started beside its future ends with it.
    context.cancel.cancel();
    let failed = |sentence: String| Ok(CallOutcome::Error(bounded::error(&without_nul(sentence))));
    match ended {
        Ok(Ok(Ok(output))) => {
            let output = bounded::output(value_without_nul(output));
            (ToolEnd::Ok, Ok(CallOutcome::Output(output)))
        }
        Ok(Ok(Err(ToolError::Rejected(sentence)))) => (ToolEnd::Rejected, failed(sentence)),
        Ok(Ok(Err(ToolError::Fatal(reason)))) => {
            let tool = facts.name.to_owned();
            (ToolEnd::Failed, Err(FatalToolError { tool, reason }))
        }
        Ok(Err(_panic)) => {
            tracing::error!(
                tool = facts.name,
                call_id = context.call_id,
                "a tool panicked"
            );
            let sentence = format!("{} failed unexpectedly", facts.name);
            (ToolEnd::Failed, failed(sentence))
        }
        Err(_elapsed) => {
            let sentence = format!(
                "{} did not finish within {} s and was stopped",
                facts.name,
                facts.time_limit.as_secs()
            );
            (ToolEnd::TimedOut, failed(sentence))
        }
    }
}
