//! What a tool is: a typed input, facts about itself, and a call.

use async_trait::async_trait;
use copilot_core::{
    id::{SessionId, TurnId, UserId},
    ledger::Effect,
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// For whom and where a call runs.
#[derive(Clone, Debug)]
pub struct ToolContext {
    /// The session.
    pub session_id: SessionId,
    /// The session's owner; none while it is anonymous.
    pub user_id: Option<UserId>,
    /// The turn.
    pub turn_id: TurnId,
    /// The call: the key by which an [`Effect::Idempotent`] tool knows that it ran before.
    pub call_id: String,
    /// Ends when the call is no longer wanted: the turn was cancelled, or its time is over. The
    /// call's future is dropped as well; this is for what would outlive it.
    pub cancel: CancellationToken,
}

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// The model can mend it, or must live with it: it is told this sentence.
    #[error("{0}")]
    Rejected(String),
    /// Our own fault: it ends the turn. The text goes to the log alone.
    #[error("{0}")]
    Fatal(String),
}

/// A tool. The doc comment of [`Tool::Input`] is what the model reads about it, so description
/// and handler cannot drift apart.
#[async_trait]
pub trait Tool: Send + Sync + 'static {
    /// What the model sends. Its schema is checked before [`Tool::call`] sees it.
    type Input: DeserializeOwned + JsonSchema + Send;
    /// The typed result, the same for the model, the wire and the documentation.
    type Output: Serialize + JsonSchema;

    /// Its name; never changes, since histories hold it.
    const NAME: &'static str;

    /// What happens if it runs twice.
    const EFFECT: Effect;

    /// How long one call may take.
    const TIME_LIMIT: Duration = Duration::from_secs(30);

    /// Whether it needs a signed-in user; in an anonymous session it answers `need_login`.
    const NEEDS_USER: bool = false;

    /// Whether it works in this process. One that does not is never offered.
    fn is_available(&self) -> bool {
        true
    }

    /// Runs it.
    async fn call(
        &self,
        context: &ToolContext,
        input: Self::Input,
    ) -> Result<Self::Output, ToolError>;
}
