//! No statement waits for ever.

use sea_orm::{DbErr, RuntimeErr};
use std::time::Duration;

/// How long a statement may run on the server before the server itself gives it up.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a statement may wait for a lock.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a transaction may lie idle, its process frozen, before the server frees its locks.
pub(super) const IDLE_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(15);
/// How long an answer is waited for. Longer than the server's own limits: it runs out only
/// when the server itself is frozen or cut off.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for an answer, but not for ever. What became of the statement is unknown then, as
/// when the connection breaks.
pub(super) async fn bounded<T>(answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    tokio::time::timeout(ANSWER_TIMEOUT, answer)
        .await
        .unwrap_or_else(|_| {
            let silence = format!("no answer within {} s", ANSWER_TIMEOUT.as_secs());
            Err(DbErr::Conn(RuntimeErr::Internal(silence)))
        })
}
