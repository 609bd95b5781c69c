//! A tool of each effect class. They count their effects.

use crate::faults::{Faults, What, When};
use async_trait::async_trait;
use copilot_core::{id::TurnId, ledger::Effect};
use copilot_engine::{DynTool, Tool, ToolContext, ToolError, erase};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What the tools have done in the world, by call.
#[derive(Default)]
pub(crate) struct Effects(Mutex<HashMap<String, Done>>);

/// What one call has done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    pub(crate) tool: &'static str,
    pub(crate) turn: Option<TurnId>,
    /// How often it happened.
    pub(crate) times: u32,
    /// The results that it gave back.
    pub(crate) results: Vec<serde_json::Value>,
}

impl Effects {
    pub(crate) fn all(&self) -> HashMap<String, Done> {
        self.locked().clone()
    }

    fn happens(&self, context: &ToolContext, tool: &'static str) -> u32 {
        let mut all = self.locked();
        let done = all.entry(context.call_id.clone()).or_default();
        done.tool = tool;
        done.turn = Some(context.turn_id);
        done.times += 1;
        done.times
    }

    fn gives(&self, call_id: &str, result: &Worked) {
        let result = serde_json::to_value(result).unwrap();
        self.locked()
            .entry(call_id.to_owned())
            .or_default()
            .results
            .push(result);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Done>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does something that is counted.
#[derive(Deserialize, JsonSchema)]
struct Work {
    /// How it ends.
    conduct: String,
    /// Milliseconds that it takes.
    takes: u64,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Worked {
    call: String,
    time: u32,
}

struct Workbench {
    effects: Arc<Effects>,
    faults: Arc<Faults>,
}

impl Workbench {
    async fn work(
        &self,
        tool: &'static str,
        context: &ToolContext,
        work: Work,
    ) -> Result<Worked, ToolError> {
        let by_order = |_| ToolError::Rejected("by order".to_owned());
        self.faults
            .pass(What::Tool, When::Before)
            .await
            .map_err(by_order)?;
        let time = self.effects.happens(context, tool);
        tokio::time::sleep(Duration::from_millis(work.takes)).await;
        self.faults
            .pass(What::Tool, When::After)
            .await
            .map_err(by_order)?;
        match work.conduct.as_str() {
            "rejects" => Err(ToolError::Rejected("by the book".to_owned())),
            "fails" => Err(ToolError::Fatal("by the book".to_owned())),
            "panics" => std::panic::resume_unwind(Box::new("the tool panics by the book")),
            _ => {
                let worked = Worked {
                    call: context.call_id.clone(),
                    time,
                };
                self.effects.gives(&context.call_id, &worked);
                Ok(worked)
            }
        }
    }
}

macro_rules! tools {
    ($($tool:ident $name:literal $effect:ident),+) => {
        $(
            struct $tool(Workbench);

            #[async_trait]
            impl Tool for $tool {
                type Input = Work;
                type Output = Worked;

                const NAME: &'static str = $name;
                const EFFECT: Effect = Effect::$effect;

                async fn call(&self, context: &ToolContext, input: Work) -> Result<Worked, ToolError> {
                    self.0.work($name, context, input).await
                }
            }
        )+

        /// The tools of one process.
        pub(crate) fn tools(effects: &Arc<Effects>, faults: &Arc<Faults>) -> Vec<Arc<dyn DynTool>> {
            let bench = || Workbench { effects: Arc::clone(effects), faults: Arc::clone(faults) };
            vec![$(erase($tool(bench()))),+]
        }
    };
}

tools!(PureTool "pure" Pure, IdempotentTool "idempotent" Idempotent, OnceTool "once" Once);
