use async_trait::async_trait;
use copilot_core::id::SystemIds;
use copilot_engine::{ToolEnd, ToolMeter};
use copilot_runtime::{
    doctor::{Check, Finding},
    one_line,
    settings::Settings,
};
use std::{sync::Arc, time::Duration};

/// Whether the engine can be made as the start makes it: documentation, persona, tools, provider.
pub(super) struct Engine(pub(super) Settings);

#[async_trait]
impl Check for Engine {
    fn name(&self) -> &'static str {
        "engine"
    }

    async fn run(&self) -> Finding {
        match crate::engine(&self.0, Arc::new(SystemIds), Arc::new(Uncounted)) {
            Ok(_) => Finding::ok(format!(
                "tools, persona and documentation are readable ({} folders beside the built-in pages)",
                self.0.tools.docs_paths.len()
            )),
            Err(error) => Finding::failed(
                one_line(&error),
                "correct that setting, or let the program's user read what it names",
            ),
        }
    }
}

/// This engine is made and dropped: it calls no tool.
struct Uncounted;

impl ToolMeter for Uncounted {
    fn called(&self, _tool: &'static str, _end: ToolEnd, _took: Duration) {}
}
