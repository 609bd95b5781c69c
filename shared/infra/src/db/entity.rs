//! The tables as sea-orm sees them, and how rows become the vocabulary of `copilot-core`.
//!
//! Entities never leave this crate. `sessions`, `executors` and `files` have none: their
//! statements are all compare-and-set or joins, written where they are used.

#![expect(unreachable_pub, reason = "sea-orm's derive makes its types public")]

pub(super) mod messages;
pub(super) mod tool_calls;
pub(super) mod turn_parts;
pub(super) mod turns;
