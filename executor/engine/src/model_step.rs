//! One model call, made again and with other models for as long as nothing of it was shown.

use crate::{
    config::EngineConfig,
    jitter::Jitter,
    provider::{ModelRequest, Provider},
    provider_error::ProviderError,
    reply_reader::{ReadError, ReplyReader, WholeReply},
};
use copilot_core::turn::TurnError;

/// Why a step has no reply.
#[derive(Debug)]
pub enum StepError {
    /// Nobody wants it any more.
    Stopped,
    /// All that may be tried has failed.
    Failed(TurnError),
}

/// Asks the models that a turn may use, in order.
pub struct ModelStep<'a> {
    /// The provider.
    pub provider: &'a dyn Provider,
    /// The rules.
    pub config: &'a EngineConfig,
    /// Spreads retries.
    pub jitter: &'a dyn Jitter,
    /// The models to try.
    pub models: &'a [String],
}

impl ModelStep<'_> {
    /// Makes the call. A failure is final once something was shown; before, it is tried again,
    /// then with the fallback models.
    pub async fn run(
        &self,
        request: &mut ModelRequest,
        reader: &mut ReplyReader<'_, '_>,
    ) -> Result<WholeReply, StepError> {
        let mut first_failure: Option<ProviderError> = None;
        for model in self.models {
            request.model.clone_from(model);
            let mut retry = 0;
            loop {
                let error = match self.attempt(request, reader).await {
                    Ok(reply) => return Ok(reply),
                    Err(ReadError::Stopped) => return Err(StepError::Stopped),
                    Err(ReadError::Failed(error)) => error,
                };
                self.note(model, retry, &error, reader.is_visible);
                if reader.is_visible {
                    return Err(StepError::Failed(error.after_visible()));
                }
                reader.in_flight.forget();
                let pause = self
                    .config
                    .retry
                    .pause(error.kind, retry, self.jitter.sample());
                first_failure.get_or_insert(error);
                let Some(pause) = pause else { break };
                retry += 1;
                tokio::select! {
                    biased;
                    () = &mut reader.cancelled => return Err(StepError::Stopped),
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
        // What the wanted model said, not what the last spare one did.
        let error =
            first_failure.unwrap_or_else(|| ProviderError::broken("there is no model to ask"));
        Err(StepError::Failed(error.before_visible()))
    }

    async fn attempt(
        &self,
        request: &ModelRequest,
        reader: &mut ReplyReader<'_, '_>,
    ) -> Result<WholeReply, ReadError> {
        reader.in_flight.begin(&request.model, &request.messages);
        let stream = reader
            .unless_idle(self.provider.stream(request))
            .await?
            .map_err(ReadError::Failed)?;
        reader.read(stream).await
    }

    fn note(&self, model: &str, retry: u32, error: &ProviderError, is_visible: bool) {
        let provider = self.provider.name();
        tracing::warn!(provider, model, retry, is_visible, kind = ?error.kind, %error, "a model call failed");
        if let Some(said) = &error.said
            && tracing::enabled!(tracing::Level::DEBUG)
        {
            let said = self.config.secrets.hidden(said);
            tracing::debug!(provider, model, said, "the provider's words");
        }
    }
}
