//! Finds the token in a request's head.

use super::token_fault::TokenFault;
use crate::limits::TOKEN_BYTES;
use poem::http::{HeaderMap, header::AUTHORIZATION};

/// The bearer token; none if the request does not authorize itself at all.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, TokenFault> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = sent.next() else {
        return Ok(None);
    };
    if sent.next().is_some() {
        return Err(TokenFault::Invalid("two authorization headers"));
    }
    let value = value
        .to_str()
        .map_err(|_| TokenFault::Invalid("the header is no text"))?;
    let (scheme, token) = value
        .split_once(' ')
        .ok_or(TokenFault::Invalid("no token behind the scheme"))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(TokenFault::Invalid("another scheme than bearer"));
    }
    let token = token.trim();
    if token.len() > TOKEN_BYTES {
        return Err(TokenFault::Invalid("a token that is too long"));
    }
    Ok(Some(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::http::HeaderValue;

    fn of(values: &[&str]) -> Result<Option<String>, TokenFault> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        bearer(&headers).map(|token| token.map(str::to_owned))
    }

    #[test]
    fn the_one_bearer_token_is_found() {
        assert_eq!(of(&[]).unwrap(), None);
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c "] {
            assert_eq!(of(&[value]).unwrap().as_deref(), Some("a.b.c"), "{value}");
        }
    }

    #[test]
    fn whatever_else_authorizes_is_no_missing_token() {
        let long = format!("Bearer {}", "x".repeat(TOKEN_BYTES + 1));
        for values in [
            &["Basic YTpi"][..],
            &["Bearer"],
            &["a.b.c"],
            &[""],
            &["Bearer a.b.c", "Bearer a.b.c"],
            &[&long],
        ] {
            assert!(
                matches!(of(values), Err(TokenFault::Invalid(_))),
                "{values:?}"
            );
        }
    }
}
