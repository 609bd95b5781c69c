//! What an error of Redis means to a caller.

use copilot_core::port::PortError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Answers by which a server says that it cannot now: out of memory, cannot save, too few
/// replicas, a script that runs long, a password that is being changed.
const PASSING_CODES: [&str; 6] = [
    "OOM",
    "MISCONF",
    "NOREPLICAS",
    "BUSY",
    "NOAUTH",
    "WRONGPASS",
];

/// Whether the server cannot be reached, or only answers that it is not there yet.
pub(super) fn is_away(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Io | ErrorKind::ClusterConnectionNotFound | ErrorKind::AuthenticationFailed => {
            true
        }
        ErrorKind::Server(kind) => matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
        ),
        _ => false,
    }
}

/// The error of the port.
pub(super) fn port_error(doing: &'static str, error: RedisError) -> PortError {
    if is_away(&error) || is_passing(&error) {
        PortError::unavailable(doing, error)
    } else {
        PortError::broken(doing, error)
    }
}

/// Whether trying later may help although the server is there.
fn is_passing(error: &RedisError) -> bool {
    let is_kind = matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ReadOnly
        )
    );
    is_kind
        || error
            .code()
            .is_some_and(|code| PASSING_CODES.contains(&code))
}
