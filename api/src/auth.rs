//! Who calls.

use crate::{config::AuthMode, error::ApiError, state::Services};
use copilot_core::{id::UserId, session::Owner};
use poem::{FromRequest, Request, RequestBody, Result};
use tracing::Span;

/// The one user of local mode.
const LOCAL_USER: &str = "local";

/// The caller, once let in.
pub(crate) struct Caller {
    owner: Owner,
}

impl Caller {
    /// Whose things the call may touch.
    pub(crate) const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The user; routes that list or name things by user have no anonymous form.
    pub(crate) fn user(&self) -> Result<&UserId, ApiError> {
        self.owner
            .user()
            .ok_or_else(|| ApiError::forbidden("user_required", "this needs a signed-in user"))
    }
}

impl<'a> FromRequest<'a> for Caller {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let services = Services::from_request(request, body).await?;
        let owner = match services.config.auth {
            AuthMode::Local => Owner::User(UserId::new(LOCAL_USER)),
        };
        Span::current().record("user_id", owner.user().map(UserId::tail));
        Ok(Self { owner })
    }
}
