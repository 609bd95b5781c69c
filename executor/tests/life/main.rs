//! The life of a turn, from its acceptance to the last byte that a reader gets, with the real
//! store on SQLite, the real adapters in memory, the real executor and the real engine.
//!
//! Only the model and the tools are played: a [`book::Book`] says what the model answers and
//! [`tools`] count what they do. An executor is a [`process::Process`], a runtime of its own
//! that can be killed or frozen at any point. [`faults::Faults`] names the points. After every
//! history the one [`checker`] judges what is left in the database, and readers that were cut
//! and resumed all the way must hold exactly what is saved.

#![expect(
    clippy::similar_names,
    clippy::cmp_owned,
    clippy::too_many_lines,
    clippy::wrong_self_convention,
    clippy::trivially_copy_pass_by_ref,
    clippy::manual_let_else,
    clippy::large_futures,
    clippy::large_stack_arrays,
    reason = "played worlds: one long match reads better than pieces, and each future lives once"
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: a surprise is a failure"
)]

mod api;
mod book;
mod checker;
mod ends;
mod faults;
mod faulty_queue;
mod faulty_store;
mod faulty_streams;
mod fold;
mod log;
mod player;
mod process;
mod property;
mod reader;
mod scenarios;
mod tools;
mod world;
