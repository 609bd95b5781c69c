use super::finding::Finding;
use async_trait::async_trait;

/// Asks one part that the program needs.
///
/// Changes nothing that others could see, ends within some seconds, and shows no secret.
#[async_trait]
pub trait Check: Send + Sync {
    /// What the report calls it.
    fn name(&self) -> &'static str;

    /// Asks.
    async fn run(&self) -> Finding;
}
