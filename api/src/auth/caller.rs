//! A caller who is a user.

use super::token_fault::TokenFault;
use crate::{error::ApiError, state::Services};
use copilot_core::{id::UserId, session::Owner};
use poem::{Request, RequestBody, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

/// What the OpenAPI document calls the token.
pub(super) const SCHEME: &str = "bearerAuth";

/// A user, once let in.
pub(crate) struct Caller {
    owner: Owner,
    user: UserId,
}

impl Caller {
    /// Whose things the call may touch.
    pub(crate) const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The user.
    pub(crate) const fn user(&self) -> &UserId {
        &self.user
    }
}

impl<'a> ApiExtractor<'a> for Caller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let user = identified(request, body).await?;
        let user = user.ok_or_else(|| ApiError::from(TokenFault::Missing))?;
        Ok(Self {
            owner: Owner::User(user.clone()),
            user,
        })
    }
}

/// The user who calls, if it is one; the log learns of it.
pub(super) async fn identified(
    request: &Request,
    body: &mut RequestBody,
) -> Result<Option<UserId>> {
    let services = <Services as poem::FromRequest>::from_request(request, body).await?;
    let user = services.auth.caller(request.headers()).await;
    let user = user.map_err(ApiError::from)?;
    tracing::Span::current().record("user_id", user.as_ref().map(UserId::tail));
    Ok(user)
}

/// Makes the token known to the OpenAPI document.
pub(super) fn register(registry: &mut Registry) {
    let scheme = MetaSecurityScheme {
        ty: "http",
        description: Some("A JSON Web Token; its `sub` is the user. Not asked for in local mode."),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: Some("JWT"),
        flows: None,
        openid_connect_url: None,
    };
    registry.create_security_scheme(SCHEME, scheme);
}
