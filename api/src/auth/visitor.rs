//! A caller who may be nobody in particular, where that is allowed.

use super::caller::{SCHEME, identified, register};
use crate::{error::ApiError, state::Services};
use copilot_core::{
    id::{SessionId, UserId},
    session::Owner,
};
use poem::{Request, RequestBody, Result};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, registry::Registry};
use uuid::Uuid;

/// Ids of anonymous sessions are random; all others carry their time.
const RANDOM_VERSION: usize = 4;

/// A user, or whoever knows an anonymous session's id.
pub(crate) struct Visitor {
    user: Option<UserId>,
}

impl Visitor {
    /// Whose a session is that the visitor makes, and its id. Without a user the id is the key.
    pub(crate) fn founds(&self, services: &Services) -> (SessionId, Owner) {
        match &self.user {
            Some(user) => (services.ids.next().into(), Owner::User(user.clone())),
            None => (services.ids.unguessable().into(), Owner::Anonymous),
        }
    }

    /// As whom the visitor uses this session: until somebody claims it, an anonymous one is
    /// everybody's who knows its id, a user's too.
    pub(crate) async fn owner(&self, services: &Services, id: Uuid) -> Result<Owner, ApiError> {
        let Some(user) = &self.user else {
            return Ok(Owner::Anonymous);
        };
        let own = Owner::User(user.clone());
        let began_anonymous = id.get_version_num() == RANDOM_VERSION;
        if !began_anonymous || !services.auth.allows_anonymous() {
            return Ok(own);
        }
        let claimed = services.store.find_session(&own, id.into()).await?;
        Ok(claimed.map_or(Owner::Anonymous, |_| own))
    }
}

impl<'a> ApiExtractor<'a> for Visitor {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let user = identified(request, body).await?;
        Ok(Self { user })
    }
}
