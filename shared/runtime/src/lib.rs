//! What every program of Copilot needs before it can do anything: settings, logs, an orderly life and end.

pub mod adapters;
pub mod cli;
pub mod crypto;
pub mod lifecycle;
pub mod metrics;
pub mod settings;
pub mod telemetry;
pub mod tracking;
