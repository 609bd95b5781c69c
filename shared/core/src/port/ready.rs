//! What `/readyz` asks of a part.

use super::PortError;
use async_trait::async_trait;

/// Something that the process needs in order to work.
#[async_trait]
pub trait ReadyPart: Send + Sync {
    /// What `/readyz` calls it.
    fn name(&self) -> &'static str;

    /// Asks it something small that leaves no trace.
    async fn check(&self) -> Result<(), PortError>;
}
