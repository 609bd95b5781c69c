//! What every program of Copilot needs before it can do anything: settings, logs, an orderly life and end.

pub mod adapters;
pub mod cli;
pub mod crypto;
pub mod doctor;
pub mod lifecycle;
pub mod metrics;
mod one_line;
pub mod settings;
pub mod telemetry;
pub mod tracking;

pub use one_line::one_line;
