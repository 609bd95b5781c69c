//! Bounds a request's address and headers. The HTTP library has bounds of its own, further out,
//! but says nothing readable there.

use crate::{
    error::ApiError,
    limits::{ADDRESS_BYTES, HEADER_BYTES},
};
use poem::Request;

/// Lets a request of a sane size through.
pub(crate) fn check(request: &Request) -> Result<(), ApiError> {
    let address = request
        .uri()
        .path_and_query()
        .map_or(0, |uri| uri.as_str().len());
    if address > ADDRESS_BYTES {
        return Err(ApiError::address_too_long(ADDRESS_BYTES));
    }
    let headers: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if headers > HEADER_BYTES {
        return Err(ApiError::headers_too_large(HEADER_BYTES));
    }
    Ok(())
}
