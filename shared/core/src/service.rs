//! Use cases that are the same whichever adapter is behind a port.

pub mod cancelling;
pub mod closing;
pub mod deleting;
pub mod intake;
pub mod last_words;
pub mod readiness;
pub mod reading;
pub mod watch;
