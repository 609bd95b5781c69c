//! One limit for every wait of a test.

use std::time::Duration;

/// How long a test waits for something that should happen at once.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Await `future`, or panic with `what` after `limit`.
pub async fn within<T>(
    limit: Duration,
    what: impl Fn() -> String,
    future: impl Future<Output = T>,
) -> T {
    let waited = tokio::time::timeout(limit, future).await;
    waited.unwrap_or_else(|_| panic!("waited {limit:?} in vain: {}", what()))
}

/// Ask `ready` every few milliseconds until it says yes, or panic with `what` after `limit`.
pub async fn poll_until<F: Future<Output = bool>>(
    limit: Duration,
    what: impl Fn() -> String,
    mut ready: impl FnMut() -> F,
) {
    within(limit, what, async {
        while !ready().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
