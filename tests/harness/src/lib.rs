//! What the end-to-end tests stand on: a fake LLM upstream, the real binaries as child processes,
//! a client that sees every byte, and the fold that `useChat` does.
//!
//! Nothing here sleeps to "be sure": tests wait for events, and every wait has a deadline that
//! panics with what was seen so far.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "test support fails loudly, and a test may ignore what it asked for"
)]

pub mod certificates;
pub mod client;
pub mod copilot;
pub mod deadline;
pub mod fold;
pub mod identity;
pub mod llm;
pub mod lossy_line;
pub mod metrics;
pub mod partial_json;
pub mod port;
pub mod postgres;
pub mod postgres_server;
pub mod process;
pub mod rabbit_server;
pub mod redis_server;
pub mod servers;
pub mod sse;
pub mod stack;
pub mod webhook;

pub use client::{Answer, BodyEnd, Call, Client, Event, EventStream, Problem, Transcript, Turn};
pub use copilot::{Copilot, Mode};
pub use fold::{Fold, FoldError, UiMessage};
pub use identity::{IdentityProvider, SigningKey};
pub use llm::{ChatRequest, FakeUpstream, Gate, Reply, calls, chunks, status, text};
pub use metrics::Metrics;
pub use stack::{StackBuilder, TestStack};
pub use webhook::FakeWebhook;
