//! The server over ports that are played by the test: what it says, and how it stops. Whole
//! turns are tested from outside, over the real stores.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test crate: shared code is no test function to clippy"
)]

mod answers;
mod document;
mod fakes;
mod http;
mod opening;
mod slow;
mod stopping;
mod streams;
