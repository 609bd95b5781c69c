//! What `doctor` asks of a program that runs turns.

mod engine;
mod model;

use copilot_runtime::{doctor::Check, settings::Settings};

/// The model, and what the engine is made of.
#[must_use]
pub fn checks(settings: &Settings) -> Vec<Box<dyn Check>> {
    vec![
        Box::new(engine::Engine(settings.clone())),
        Box::new(model::Model(settings.llm.clone())),
    ]
}
