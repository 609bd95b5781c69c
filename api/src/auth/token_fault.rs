//! Why a token does not tell who calls.

use crate::error::ApiError;

/// What is wrong with a token, or with us who should check it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenFault {
    /// There is none, and there must be one.
    #[error("no token")]
    Missing,
    /// It was good once.
    #[error("the token has expired")]
    Expired,
    /// It was never good here; why is for the log alone.
    #[error("{0}")]
    Invalid(&'static str),
    /// Nobody can tell: the provider's keys are not to be had.
    #[error("the keys are not to be had")]
    NoKeys,
}

impl From<TokenFault> for ApiError {
    /// Logs the fault: this is where it is handled.
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Missing => Self::unauthorized("token_missing", "this needs a bearer token"),
            TokenFault::Expired => {
                Self::unauthorized("token_expired", "the token has expired; sign in again")
            }
            TokenFault::Invalid(why) => {
                tracing::debug!(why, "token refused");
                Self::unauthorized("token_invalid", "the token is not valid here")
            }
            TokenFault::NoKeys => {
                let detail = "tokens cannot be checked just now";
                Self::unavailable("token_unchecked", detail)
            }
        }
    }
}
