//! `copilot chat`: talks to a running server from the terminal.
//!
//! It is a client like any other: it knows the routes and nothing of what is behind them.

mod args;
mod error;
mod follow;
mod server;
mod sse;
mod talk;
mod view;

pub use args::ChatArgs;
pub use error::ChatError;
pub use talk::{Ended, chat};
