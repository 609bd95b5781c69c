//! End to end: the real program as a process, a fake model behind it, a client in front.
//!
//! Tests use HTTP and process handles alone, so that each can run against both modes; which
//! program a [`TestStack`](copilot_harness::TestStack) starts is decided there.

#[cfg(test)]
mod ai_sdk;
#[cfg(test)]
mod anonymous;
#[cfg(test)]
mod auth;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod builtin;
#[cfg(test)]
mod cancel;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod conversation;
#[cfg(test)]
mod cors;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod ingress;
#[cfg(test)]
mod input;
#[cfg(test)]
mod javascript;
#[cfg(test)]
mod jwks;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod pieces;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod property;
#[cfg(test)]
mod providers;
#[cfg(test)]
mod races;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod service;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod start_up;
#[cfg(test)]
mod streaming;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod tracking;
#[cfg(test)]
mod turns;
#[cfg(test)]
mod ui_messages;
#[cfg(test)]
mod wire;
